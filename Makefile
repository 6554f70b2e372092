# Everything a developer does here. `make test` is all that CI runs.
.DEFAULT_GOAL := help
.PHONY: help setup demo test packages lint format types contract pytest bench picture swarm matrix mutate lock clean

PYTHON ?= python3
BIN := .venv/bin
export PYTHON

help: ## show this help
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile

setup: ## make .venv with all that is needed (locked, by hash)
	@sh scripts/setup.sh

demo: setup ## show the phone surviving its primary
	@$(BIN)/evertone demo

# One recipe, so that the steps come in this order under `make -j` too.
test: setup packages ## set up all it needs and run every check
	@$(MAKE) --no-print-directory lint
	@$(MAKE) --no-print-directory types
	@$(MAKE) --no-print-directory contract
	@$(MAKE) --no-print-directory pytest

packages: setup ## as root on Debian or Ubuntu: the servers that the interoperability tests run
	@sh scripts/test_packages.sh

lint: setup ## style and likely bugs
	@echo "==> lint"
	@$(BIN)/ruff check --quiet .
	@echo "==> format"
	@$(BIN)/ruff format --check --quiet . || { echo "run: make format" >&2; exit 1; }

format: setup ## bring the sources into shape
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

types: setup ## strict types
	@echo "==> types"
	@$(BIN)/mypy

contract: setup ## who may import whom
	@echo "==> import contract"
	@report=$$($(BIN)/lint-imports 2>&1) || { printf '%s\n' "$$report"; exit 1; }

pytest: setup ## unit, simulated, loopback and interoperability tests
	@echo "==> tests"
	@$(BIN)/python -m pytest -q

SECONDS ?= 600
FIRST ?= 1000000
swarm: setup ## random worlds for SECONDS=600 s, seeds from FIRST=1000000 on
	@$(BIN)/python -m tests.swarm --seconds $(SECONDS) --first $(FIRST)

matrix: setup ## every redundancy x request x fault x failback mode x transport, as foretold
	@$(BIN)/python -m tests.matrix.run

mutate: setup ## disable each rule, flip each row: a test marked with that rule must fail
	@$(BIN)/python -m scripts.mutation

bench: setup ## measure; prints a table and writes bench/latest.json
	@$(BIN)/python -m bench

picture: setup ## draw docs/demo.svg, the demo's picture in the README, from its output
	@$(BIN)/python scripts/demo_picture.py

# Only for whoever changes a dependency; needs uv. Names, versions and hashes, no addresses.
lock: ## pin the newest dependencies that pyproject.toml allows
	uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 \
		--generate-hashes --upgrade --quiet --custom-compile-command "make lock" \
		--output-file requirements/dev.txt

clean: ## remove everything that can be made again
	rm -rf .venv build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find src tests -name __pycache__ -type d -prune -exec rm -rf {} +
