# every function and job is a process of its own, so packages are compiled once, at installation
SHELL := /bin/bash
UV := $(shell command -v uv 2>/dev/null || echo .tools/bin/uv)
SYNC := $(UV) sync --frozen --quiet --inexact $(shell node --version 2>/dev/null | grep -qE '^v(2[0-9]|[3-9][0-9])' || echo --group node)
RUN := $(UV) run --frozen --no-sync
FAST := $(RUN) pytest -m "not slow and not aws"
export UV_PYTHON_PREFERENCE ?= system
export UV_COMPILE_BYTECODE ?= 1
export JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION ?= 20
.PHONY: demo ui test test-all check bench clean install install-dev

demo: install                ## the whole story on real flights
	$(RUN) tidegate demo

ui: install                  ## the training runs of this machine in MLflow's own page
	$(RUN) tidegate ui

test: install-dev check      ## lint, types, import contracts and every test CI runs, on two cores
	@mkdir -p .tidegate; $(FAST) tests/component --ignore-glob='*/test_localcloud_*' > .tidegate/component.log 2>&1 & component=$$!; \
	$(FAST) tests/unit tests/contract tests/fuzz tests/local tests/component/test_localcloud_*.py; rest=$$?; \
	wait $$component; component=$$?; cat .tidegate/component.log; exit $$((rest || component))

test-all: install-dev check  ## the slow matrices too; what the local cloud holds is its process's
	$(RUN) pytest -m "not aws" tests/local; local=$$?; \
	$(RUN) pytest -m "not aws" tests/unit tests/contract tests/fuzz tests/component; rest=$$?; exit $$((local || rest))

check: install-dev
	$(RUN) ruff check .
	$(RUN) ruff format --check .
	$(RUN) mypy
	$(RUN) lint-imports --no-cache

bench: install-dev           ## every number of the README
	$(RUN) python -m bench

install: $(if $(filter .tools/%,$(UV)),$(UV))
	$(SYNC)

install-dev: install
	$(SYNC) --group dev

.tools/bin/uv:               # no uv on this machine: one of our own, in a venv
	@python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo 'error: Python 3.11 or newer is needed'; exit 2; }
	python3 -m venv .tools && .tools/bin/pip install --quiet uv

clean:
	rm -rf .venv .tools .tidegate cdk.out node_modules .pytest_cache .mypy_cache .ruff_cache .hypothesis
