# `make help` lists the targets. Each does its own set-up, and is quick the second time.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
.DEFAULT_GOAL := help

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

$(VENV)/.ready: requirements.lock pyproject.toml
	@echo "== Python environment ($(VENV))"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

lock: ## write requirements.lock again from pyproject.toml (needs uv)
	@uv pip compile --universal --generate-hashes --no-annotate --no-header --group dev pyproject.toml -o requirements.lock

fmt: $(VENV)/.ready ## format the code
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

check: $(VENV)/.ready ## lint, types, import contracts and the fast tests (about 2 minutes)
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache
	@$(BIN)/python -m pytest -n auto -m "unit or store or engine"

test: check ## everything: check, then real Asterisk and the story

bench-pacing: $(VENV)/.ready ## pacing beside its rivals: `make bench-pacing quick` or `make bench-pacing full`
	@nice $(BIN)/python -m benchmarks.pacing $(or $(filter quick full,$(MAKECMDGOALS)),quick) --publish docs/reference/pacing-results.md
	@nice $(BIN)/python -m benchmarks.pacing.cost

quick full:
	@:

.PHONY: bench-pacing quick full help lock fmt check test
