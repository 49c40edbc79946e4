# `make run` and `make test` set up all they need in .venv; nothing is installed outside of this directory.
# Needed: Python 3.11 or later with venv, and git. Another Python: make run PYTHON=python3.13

VENV := .venv
BIN := $(VENV)/bin
CONSTRAINTS := .ci/constraints.txt
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint $(CONSTRAINTS)
PYTHONS := $(PYTHON) python3 python3.14 python3.13 python3.12 python3.11 python
FITS := import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))

.DEFAULT_GOAL := help
.PHONY: help run test exhaustive bench diagrams docs stale lint clean

help:
	@echo 'make run         replay the bundled stories: timelines with verdicts, pictures in build/pictures'
	@echo 'make test        the tests'
	@echo 'make exhaustive  the slow and complete tests'
	@echo 'make lint        style, types, and who may import whom'
	@echo 'make bench       speed and size, as ratios'
	@echo 'make diagrams    draw the pictures in diagrams/ anew'
	@echo 'make docs        write the generated parts of docs/ anew'
	@echo 'make stale       fails where a picture or a generated part is out of date'
	@echo 'make clean       remove everything that was made, .venv included'

run: $(VENV)/.run
	@$(BIN)/backup-fsm replay --story all --diagrams build/pictures --diagram-format svg --diagram-format png

test: $(VENV)/.dev
	$(BIN)/python -m pytest -m "not exhaustive"

exhaustive: $(VENV)/.dev
	$(BIN)/python -m pytest -m exhaustive

bench: $(VENV)/.dev
	$(BIN)/python -m benchmarks

diagrams: $(VENV)/.run
	$(BIN)/python -m fsm.diagram.generate diagrams

docs: $(VENV)/.run
	$(BIN)/python -m fsm.cli.docgen docs

stale: $(VENV)/.run
	$(BIN)/python -m fsm.diagram.generate --check diagrams
	$(BIN)/python -m fsm.cli.docgen --check docs

lint: $(VENV)/.dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

clean:
	rm -rf $(VENV) build .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# A stamp is older than pyproject.toml where the dependencies may have changed.
$(VENV)/.run: pyproject.toml $(CONSTRAINTS) | $(BIN)/python
	@echo 'installing the package into $(VENV) ...'
	@$(INSTALL) --editable .
	@touch $@

$(VENV)/.dev: pyproject.toml $(CONSTRAINTS) | $(BIN)/python
	@echo 'installing the package and what its tests need into $(VENV) ...'
	@$(INSTALL) --editable '.[dev]'
	@touch $@ $(VENV)/.run

$(BIN)/python:
	@for each in $(PYTHONS); do \
	  if "$$each" -c '$(FITS)' 2> /dev/null; then \
	    echo "making $(VENV) with $$each"; exec "$$each" -m venv $(VENV); \
	  fi; \
	done; \
	echo 'no Python 3.11 or later with venv was found; name one: make run PYTHON=/path/to/python3' >&2; exit 1
