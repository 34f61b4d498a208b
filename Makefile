# `make help` lists the targets. Each does its own set-up, says what it does, and is quick the second time.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Worker processes of the tests: each may run its own pair of Asterisks.
WORKERS ?= 2
# Compiled once at set-up: after a crash of the engine nobody waits for the compiler.
PACKAGES := domain accounts compliance pacing agent_gateway recordings reports dialer web
.DEFAULT_GOAL := help

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

$(VENV)/.ready: requirements.lock pyproject.toml deploy/need-python
	@deploy/need-python $(PYTHON)
	@echo "== Python environment in $(VENV)"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@$(BIN)/python -m compileall -q $$($(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))') $(PACKAGES) || true # libraries also ship files for other Pythons
	@touch $@

asterisk: $(VENV)/.ready ## install the private Asterisk (root or sudo, once, about a minute)
	@$(BIN)/dialer asterisk install

demo: asterisk ## real SIP calls from an empty store to a printed report, about 15 minutes
	@$(BIN)/dialer demo

check: $(VENV)/.ready ## format, lint, types, import contracts and the fast tests, about 2 minutes
	@deploy/need-servers
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache
	@$(BIN)/python -m pytest -q -n $(WORKERS) -m "(unit or store or engine) and not long"

test: check asterisk ## everything: check, then real Asterisk, real SIP and RTP, and the story of one call
	@$(BIN)/python -m pytest -q -n $(WORKERS) --dist loadfile -m "telephony and not long"

test-long: asterisk ## what takes minutes: long simulations and soaks
	@$(BIN)/python -m pytest -q -n $(WORKERS) -m long --timeout 3600

bench: asterisk ## measure, print tables with ratios, and write docs/reference/benchmarks.md
	@deploy/need-servers --load
	@$(BIN)/python -m benchmarks

mutate: $(VENV)/.ready ## change the law a little, thousands of times: does a test notice? Goes on where it stopped; about an hour
	@nice $(BIN)/python -m benchmarks.mutation
	@nice $(BIN)/python -m benchmarks.mutation --survivors --publish docs/reference/mutation.md

chaos: asterisk ## kill and cut things under load; a table of what became of each call, about 8 minutes
	@deploy/need-servers --load
	@$(BIN)/python -m benchmarks chaos chaos-servers

compose-test: ## docker-compose.yml for real: from nothing to one recorded call (STAND_INS=1 where no image can be pulled)
	@deploy/docker/compose-test $(if $(STAND_INS),--stand-ins)

bench-pacing: $(VENV)/.ready ## pacing beside its rivals: `make bench-pacing quick` or `make bench-pacing full`
	@nice $(BIN)/python -m benchmarks.pacing $(or $(filter quick full,$(MAKECMDGOALS)),quick) --publish docs/reference/pacing-results.md
	@nice $(BIN)/python -m benchmarks.pacing.cost --publish docs/reference/pacing-cost.md
	@nice $(BIN)/python -m benchmarks.pacing.value --publish docs/reference/pacing-value.md

bench-pacing-days: $(VENV)/.ready ## a hundred days of 10 and of 100 agents with the day held, about an hour; goes on where it was
	@nice $(BIN)/python -m benchmarks.pacing.days 10 100 --publish docs/reference/pacing-days.md

bench-pacing-harder: $(VENV)/.ready ## pacing on the harder floors beside the rule with perfect knowledge, about an hour; goes on where it was
	@nice $(BIN)/python -m benchmarks.pacing.harder --publish docs/reference/pacing-harder.md

quick full:
	@:

fmt: $(VENV)/.ready ## format the code
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

lock: ## write requirements.lock again from pyproject.toml (needs uv)
	@uv pip compile --universal --generate-hashes --no-annotate --no-header --group dev pyproject.toml -o requirements.lock

.PHONY: chaos mutate compose-test quick full bench-pacing-days bench-pacing-harder help asterisk demo check test test-long bench bench-pacing fmt lock
