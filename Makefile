# The verbs of the project. Each does the set-up it needs.
SHELL := /bin/bash
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.ready

.PHONY: demo test coverage check bench soak format clean

demo: $(STAMP)
	@$(BIN)/adt-gateway demo $(ARGS)

test: $(STAMP)
	@.ci/packages test
	@$(BIN)/python -m compileall -q gateway hsm thresholds # not by each of the daemons that tests start
	$(BIN)/python -m pytest -n 4 --dist worksteal $(ARGS)

# What the tests reach, branch by branch; it takes a quarter longer.
coverage: $(STAMP)
	@.ci/packages test
	$(BIN)/python -m pytest -n 3 --dist worksteal --cov --cov-report=term $(ARGS)

check: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(STAMP)
	@.ci/packages bench
	$(BIN)/python -m tests.bench $(ARGS)

# Two thousand requests a second for ten minutes (SOAK_SECONDS, SOAK_RATE).
soak: $(STAMP)
	@.ci/packages test
	SOAK_SECONDS=$${SOAK_SECONDS:-600} $(BIN)/python -m pytest -s tests/e2e/test_soak.py $(ARGS)

format: $(STAMP)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# What the daemon writes to var/ stays: evidence and keys.
clean:
	rm -rf .venv dist .coverage .coverage.* htmlcov var/demo

$(STAMP): .ci/requirements.lock pyproject.toml .ci/packages
	@PYTHON=$(PYTHON) .ci/packages base
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo "Installing the locked Python packages into .venv"
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --require-hashes -r .ci/requirements.lock
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@
