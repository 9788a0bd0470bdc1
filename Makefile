# Every target makes its own environment (tools/setup.sh): Python 3.11+ and make are enough.
#   PYTHON=/path/to/python3.12 make test   runs with another Python
#   make test ARGS="-k counters"           hands options on to the command

VENV ?= .venv
BIN := $(VENV)/bin
ARGS ?=
# Four workers by default, whatever the machine has: two cores are busy with them while tests wait
# for processes and retries, and timing tests are written for that load.
WORKERS ?= 4
export VENV
# Tests start some hundred interpreters: without kept bytecode each compiles the same packages again.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup setup-run run test test-fast e2e-aws fault soak lint types format bench \
	bench-lambda lock docs screenshots synth bootstrap deploy clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

setup: ## make the development environment
	@tools/setup.sh dev

setup-run:
	@tools/setup.sh run

run: setup-run ## start the demo: real data, live page, on this machine only
	@exec $(BIN)/tallybrook demo $(ARGS)

test: setup ## run every test (browser tests are skipped, with a message, without Chromium)
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal -rs -m "not slow" $(ARGS)

test-fast: setup ## run the tests that start no processes and no browser
	$(BIN)/python -m pytest -x -n $(WORKERS) -m "not slow and not fault and not browser" $(ARGS)

e2e-aws: setup ## deploy the stack into an emulator on this machine and drive it from outside
	$(BIN)/python -m pytest tests/aws_e2e $(ARGS)

fault: setup ## kill processes under load for longer than make test does
	TALLYBROOK_FAULT_KILLS=200 $(BIN)/python -m pytest -m fault $(ARGS)

soak: setup ## run the tests marked slow, and random ones for longer
	$(BIN)/python -m pytest -m slow $(ARGS)
	TALLYBROOK_PROPERTY_EXAMPLES=2000 TALLYBROOK_BOTH_EXAMPLES=40 TALLYBROOK_ENTITY_SEEDS=20 \
		$(BIN)/python -m pytest $(ARGS) tests/counters/test_property.py \
		tests/counters/test_window.py tests/entities/test_entity_property.py \
		tests/contracts/test_same_on_both.py tests/contracts/test_entities_same.py

lint: setup ## check style, import rules, formatting and the AWS stack
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/python -m infra check

types: setup ## check types, strictly
	$(BIN)/mypy

format: setup ## format the code and repair what can be repaired
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: setup ## measure, beside the ceiling or rival of each figure (loopback only)
	$(BIN)/python -m bench $(ARGS)

bench-lambda: setup ## measure every function under the real runtime client (loopback only)
	$(BIN)/python -m bench.lambdas $(ARGS)

synth: setup ## write the stack's template to build/cdk; no network, no account
	$(BIN)/python -m infra synth $(ARGS)

bootstrap: setup ## prepare an AWS account for deployments, once
	$$($(BIN)/python -c "import infra; print(infra.node_path('npx'))") aws-cdk@2 bootstrap $(ARGS)

deploy: setup ## make or update the stack in the AWS account of the environment
	$(BIN)/python -m infra deploy $(ARGS)

docs: setup ## write docs/reference again from the code
	$(BIN)/python tools/reference.py

screenshots: setup ## take the pictures of the page again
	$(BIN)/python tools/screenshots.py $(ARGS)

lock: setup ## resolve the locked versions again (requirements/*.txt)
	tools/lock.sh

clean: ## remove caches and results; data directories and the environment stay
	rm -rf .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache .coverage htmlcov \
		dist build bench-results test-results
	find src tests bench tools -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true
