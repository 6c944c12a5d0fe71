# The two commands of a newcomer are `make demo` and `make test`; each sets up all it needs in .venv.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
READY := .venv/.ready
# Where the environment forbids it, each of the many processes that tests start would compile the package again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help setup demo demo-stop test test-long check bench definitions examples clean

help:
	@echo "make demo         a store with sample patients, answering FHIR searches at http://127.0.0.1:8080/fhir"
	@echo "make demo-stop    stop it"
	@echo "make test         format, lint and type checks, and the tests"
	@echo "make test-long    the tests that take minutes"
	@echo "make bench        ratios to raw pymongo, measured in one run"
	@echo "make examples     fetch HL7's example resources, for the tests that use them"
	@echo "make definitions  generate the definition tables from the official packages"

setup: $(READY)

$(READY): pyproject.toml
	$(PYTHON) -c 'import sys; assert sys.version_info >= (3, 11), "fhirstore needs Python 3.11 or newer"'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	touch $(READY)

demo: setup
	$(BIN)/fhirstore demo

demo-stop: setup
	$(BIN)/fhirstore demo --stop

check: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

test: check
	$(BIN)/pytest -n 2 --dist worksteal -m "not long"

test-long: setup
	$(BIN)/pytest -n 2 --dist worksteal -m long

bench: setup
	$(BIN)/python -m tests.benchmarks $(ARGS)

examples: setup
	$(BIN)/python -m fhirstore.definitions.generate --examples

definitions: setup
	$(BIN)/python -m fhirstore.definitions.generate

clean:
	rm -rf .venv .cache demo-data .mypy_cache .ruff_cache .pytest_cache .hypothesis
