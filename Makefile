# `make run` and `make test` set up all they need in .venv; nothing is installed outside of this directory.
# Needed: Python 3.11 or later with venv, and git. Another Python: make run PYTHON=python3.13

VENV := .venv
BIN := $(VENV)/bin
CONSTRAINTS := .ci/constraints.txt
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint $(CONSTRAINTS)
PYTHONS := $(PYTHON) python3 python3.14 python3.13 python3.12 python3.11 python
ORACLE := tests/conformance/oracle
VECTORS := tests/conformance/vectors
SEED ?= 7
N ?= 1000
FITS := import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))

.DEFAULT_GOAL := help
.PHONY: help run test exhaustive check bench bench-check diagrams docs stale lint conformance vectors clean

help:
	@echo 'make run         replay the bundled stories: timelines with verdicts, pictures in build/pictures'
	@echo 'make test        the tests'
	@echo 'make exhaustive  the slow and complete tests'
	@echo 'make check       the property catalogue in every world; stories go to build/stories'
	@echo 'make lint        style, types, and who may import whom'
	@echo 'make conformance fresh vectors from the operator itself, judged; needs Go (SEED=7 N=1000)'
	@echo 'make vectors     print the checked-in vectors anew; needs Go, and takes three minutes'
	@echo 'make bench       speed and size, as ratios'
	@echo 'make bench-check the model checker against SPIN, if there is one, and a dictionary; some minutes'
	@echo 'make diagrams    draw the pictures in diagrams/ anew'
	@echo 'make docs        write the generated parts of docs/ anew'
	@echo 'make stale       fails where a picture or a generated part is out of date'
	@echo 'make clean       remove everything that was made, .venv included'

run: $(VENV)/.run
	@$(BIN)/backup-fsm replay --story all --diagrams build/pictures --diagram-format svg --diagram-format png

test: $(VENV)/.dev
	$(BIN)/python -m pytest -m "not exhaustive" -n auto

exhaustive: $(VENV)/.dev
	$(BIN)/python -m pytest -m exhaustive -n auto --durations=10

check: $(VENV)/.run
	$(BIN)/backup-fsm check --world operator-v1.6 --stories build/stories/operator-v1.6
	$(BIN)/backup-fsm check --world ours --stories build/stories/ours
	$(BIN)/backup-fsm check --world operator-v1.6+companion --stories build/stories/operator-v1.6+companion

bench: $(VENV)/.dev
	$(BIN)/python -m benchmarks

bench-check: $(VENV)/.dev
	$(BIN)/python -m benchmarks check

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

# The operator's own Go code, of the version in go.mod; only this and the vectors need Go.
build/oracle: $(wildcard $(ORACLE)/*.go) $(ORACLE)/go.mod $(ORACLE)/go.sum
	@command -v go > /dev/null || { echo 'this needs Go 1.25 or later on PATH' >&2; exit 1; }
	@echo 'building the oracle ...'
	@mkdir -p build && cd $(ORACLE) && go build -o $(CURDIR)/build/oracle .

conformance: build/oracle $(VENV)/.run
	@echo '$(N) vectors of each kind, seed $(SEED)'
	@build/oracle -seed $(SEED) -n $(N) -o build/conformance.jsonl
	@$(BIN)/backup-fsm conform build/conformance.jsonl

vectors: build/oracle
	@mkdir -p $(VECTORS)
	@for kind in rules snapshot log handover volume deletion pod tick; do \
	  echo "$$kind ..."; \
	  case $$kind in rules) n=3000;; log) n=1500;; handover) n=500;; *) n=1000;; esac; \
	  build/oracle -seed 20261126 -n $$n -kind $$kind -o build/$$kind.jsonl || exit 1; \
	  gzip -9cn build/$$kind.jsonl > $(VECTORS)/$$kind.jsonl.gz; \
	done

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
