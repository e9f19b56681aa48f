# The two commands of the README, and what a contributor runs. The work is in tools/ and pyproject.toml.
ARGS ?= --profile database
TESTS ?= tests

.PHONY: help smoke test lint format lock
help:
	@echo 'make smoke               set up, then: profile-smoke $(ARGS)'
	@echo 'make smoke ARGS=...      the same with other options'
	@echo 'make test                set up, then all tests; what is skipped says why (TESTS=path for some)'
	@echo 'make lint                ruff, mypy, shellcheck and the checks of the workflows'
	@echo 'make format              let ruff format the code'
	@echo 'make lock                pin the newest versions of all dependencies in constraints.txt'

smoke:
	@tools/setup.sh
	@tools/smoke.sh $(ARGS)

# Several workers, one of them for what needs a cluster: tests/conftest.py makes the groups.
test:
	@tools/setup.sh test
	.venv/bin/python -m pytest -n auto --dist loadgroup $(TESTS)

lint:
	@tools/setup.sh test lint
	tools/lint.sh

format:
	@tools/setup.sh lint
	.venv/bin/ruff check --fix-only --quiet
	.venv/bin/ruff format

lock:
	tools/lock.sh
