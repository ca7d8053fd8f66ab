"""Fixtures that every test may use."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings

# pytest-qt ends the whole run where Qt lacks a library, so it is loaded only where Qt works
# (pyproject.toml keeps it from loading by itself); tests/app/gui skips without it.
try:
    import PyQt5.QtWidgets  # noqa: F401
    import pytestqt  # noqa: F401
except ImportError:
    pytest_plugins: list[str] = []
else:
    pytest_plugins = ["pytestqt.plugin"]

# A busy machine is slow, not wrong; and a test that fails must fail again tomorrow.
settings.register_profile("steady", deadline=None, derandomize=True, max_examples=60)
settings.load_profile("steady")


@pytest.fixture
def rng() -> np.random.Generator:
    """Random numbers that are the same in every run."""
    return np.random.default_rng(20171016)


@pytest.fixture
def shared() -> Path:
    """The folder of data that is not part of the repository; skips where it is absent."""
    folder = Path(__file__).resolve().parents[2] / "shared"
    if not folder.is_dir():
        pytest.skip(f"needs {folder}, which is not part of the repository")
    return folder
