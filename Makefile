# Each target sets up what it needs in .venv, from nothing but Python 3.11 or newer and pip.
# PYTHON=… chooses the interpreter; ARGS=… goes to pytest, as in `make test ARGS="tests/test_house.py -x"`.

.DEFAULT_GOAL := help
.PHONY: help demo test test-full lint docs dist format lock bench clean

# `.venv/bin/python -m …` also works where the checkout may not be executed from, or was unpacked from an archive.
PY := .venv/bin/python
# Many tests wait for a server or a process, so two cores have work for four workers. A test that fails is tried once
# more, and the summary names it: each such name is a defect of the test or of the code, and not of the machine.
PYTEST := $(PY) -m pytest -n 4 --dist worksteal --reruns 1 -r R
# Tests start hundreds of processes; each would compile the whole package where the machine keeps no bytecode.
COMPILE := $(PY) -m compileall -q reporter jobs tests

help: ## show this list
	@sed -n 's/^\([a-z-]*\): ## /\1\t/p' $(firstword $(MAKEFILE_LIST)) | while IFS="$$(printf '\t')" read -r name what; \
	    do printf '  make %-10s %s\n' "$$name" "$$what"; done

demo: ## yesterday's summary of an invented trading floor, in this terminal
	@sh .ci/setup demo
	@$(PY) -m reporter demo --once daily_summary

test: ## all tests
	@sh .ci/setup dev
	@$(COMPILE)
	@$(PYTEST) $(ARGS)

test-full: ## all tests, with the long sweeps that `test` only samples
	@sh .ci/setup dev
	@$(COMPILE)
	@$(PYTEST) -m "" $(ARGS)

lint: ## ruff and mypy --strict
	@sh .ci/setup dev
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .
	@$(PY) -m mypy

docs: ## the site of these docs, in build/docs; a link to nowhere is an error
	@sh .ci/setup dev
	@PYTHONPATH=. $(PY) -m sphinx --fail-on-warning --keep-going --quiet docs build/docs
	@echo "build/docs/index.html"

dist: ## what is published, built twice; TAG=v0.2.0 must belong to the version
	@sh .ci/setup dev
	@$(PY) -m tests.dist $(TAG)

format: ## put the code into its form
	@sh .ci/setup dev
	@$(PY) -m ruff check --fix-only --quiet .
	@$(PY) -m ruff format .

lock: ## requirements.lock: the versions that a service installs
	@sh .ci/setup dev
	@$(PY) -m tests.lock > requirements.lock

bench: ## footprint and speed, each beside its goal
	@sh .ci/setup dev
	@$(PY) -m tests.bench

clean: ## remove .venv and everything else that was made here
	@rm -rf .venv build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
