# `make demo` and `make test` set everything up by themselves: git, python3 (3.11 or newer, with venv) and make are enough.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: setup demo test clean

setup: .venv/.installed

.venv/.installed: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("sleepwright needs Python 3.11 or newer, this is " + sys.version.split()[0]) if sys.version_info < (3, 11) else None'
	@test -x $(BIN)/python || { echo "setting up .venv"; $(PYTHON) -m venv .venv; }
	@echo "installing sleepwright and what its tests need into .venv (one to three minutes)"
	@$(BIN)/python -m pip install --disable-pip-version-check --editable '.[dev]'
	@touch $@

demo: setup
	@$(BIN)/sleepwright demo

test: setup
	@$(BIN)/python -m pytest --numprocesses auto

clean:
	rm -rf .venv build dist *.egg-info demo-repo
