# What can be done here; `make` alone lists it. PYTHON=/path/to/python chooses another interpreter.
PYTHON ?= python3
RUN := .venv/bin/python

help:  ## list the targets
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' Makefile

demo: .venv/run.stamp  ## set up, and run the main job on the clip that ships
	$(RUN) main.py demo

gui: .venv/gui.stamp  ## set up, and open the window
	$(RUN) main.py gui

screenshots: .venv/gui.stamp  ## drive the window over the demo clip, write docs/screens/
	$(RUN) main.py gui --screenshots docs/screens

test: .venv/dev.stamp  ## set up, and pass the tests
	$(RUN) -m pytest

check: .venv/dev.stamp  ## ruff, mypy strict and the import contracts
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	$(RUN) -m mypy .
	.venv/bin/lint-imports

gpu: .venv/gpu.stamp  ## build, test and measure on this machine's NVIDIA GPU; write docs/gpu.md
	$(RUN) main.py gpu

setup: .venv/dev.stamp  ## make .venv with everything that tests, checks and training need

model: .venv/dev.stamp  ## train the default models again and measure them (hours)
	RUN=$(RUN) scripts/default-models.sh

.venv/%.stamp: pyproject.toml scripts/setup.sh
	@PYTHON=$(PYTHON) scripts/setup.sh $*

.PHONY: help demo gui screenshots test check gpu setup model
