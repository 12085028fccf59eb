# Everything that is done with this repository. It needs Python 3.11 or newer and make, nothing else.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip --quiet --disable-pip-version-check

# The everyday tests, side by side on all processors; the slow ones kill and time processes and want the machine alone.
TEST   := $(BIN)/python -m pytest -m "not slow" -n auto --dist worksteal

# What `make check` looks at; when none of it changed since the last green check, there is nothing to do.
WATCHED := $(shell find src tests docs examples benchmarks changes -mindepth 1 -name __pycache__ -prune -o \( -type f -o -type d \) -print) \
           pyproject.toml Makefile README.md CONTRIBUTING.md CHANGELOG.md

.DEFAULT_GOAL := help
.PHONY: help demo test test-slow lint check bench docs clean

help:  ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile

demo: $(VENV)/demo-installed  ## Train models on real digits, see the cache at work, get the best one back
	@$(BIN)/python examples/digits.py

test: $(VENV)/test-installed  ## Install the package with its test extra and run the tests
	$(TEST)

test-slow: $(VENV)/libraries-installed  ## The tests that take minutes or large libraries
	$(BIN)/python -m pytest -m slow

lint: $(VENV)/check-installed $(VENV)/test-installed  ## Format, lint, types, import layers
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy --strict src
	$(BIN)/lint-imports

check: $(VENV)/checked  ## All of it: lint, documentation examples, tests; instant when nothing changed

$(VENV)/checked: $(WATCHED) $(VENV)/check-installed $(VENV)/test-installed
	$(MAKE) lint
	$(TEST)
	@touch $@

bench: $(VENV)/demo-installed $(VENV)/test-installed  ## Measure runlore beside the floor program and print the table
	$(BIN)/python benchmarks/run.py

docs: $(VENV)/test-installed  ## Write the reference from the code and run every example
	$(BIN)/python docs/generate.py
	$(BIN)/python -m pytest tests/docs

clean:  ## Remove the environment and all caches; records in .runlore/ stay
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "runlore needs Python 3.11 or newer; $(PYTHON) is older. Try: make PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/%-installed: pyproject.toml | $(BIN)/python
	$(PIP) install --editable '.[$*]'
	@touch $@
