"""`main.py train` with a CPN small enough for a test: what torchrun starts there. Not a test."""

from __future__ import annotations

import sys

import main
from tests.training.test_cpn_recipe import tiny
from training import cpn_recipe

if __name__ == "__main__":
    cpn_recipe.RECIPES["cpn50-256x192"] = tiny()  # type: ignore[index]
    sys.exit(main.main(["train", *sys.argv[1:]]))
