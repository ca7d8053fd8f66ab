"""Enlarging by two products with constants gives what torch's own interpolation gives."""

from __future__ import annotations

import pytest
import torch

from network.resize import enlarged


@pytest.mark.parametrize("size_hw", [(4, 3), (8, 6), (32, 24), (5, 11)])
def test_matrices_enlarge_as_aligned_corners_do(size_hw: tuple[int, int]) -> None:
    x = torch.rand(2, 5, 4, 3, generator=torch.Generator().manual_seed(0))

    found = enlarged(x, size_hw, "matrices")

    torch.testing.assert_close(found, enlarged(x, size_hw, "align_corners"))


def test_one_pixel_fills_the_picture() -> None:
    x = torch.full((1, 1, 1, 1), 3.0)

    assert (enlarged(x, (4, 4), "matrices") == 3).all()
