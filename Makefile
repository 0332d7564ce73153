# Needs Python 3.11 or newer and make; everything else is installed into .venv from the lock files.

PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11 python; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
DATA ?= var
PORT ?= 8080
ROUNDS ?= 200
# What changes how the package is installed; the sources themselves are used in place.
BUILD := pyproject.toml hatch_build.py package.json package-lock.json
# Debian's packages that the tests want; the program itself needs none. Those of the second line have no command.
TEST_PROGRAMS := chromium age curl
TEST_PACKAGES := libvoikko1 voikko-fi festival festvox-suopuhe-mv festvox-suopuhe-lj

.PHONY: up test lint bench faults programs clean

up: $(VENV)/.run
	@exec $(BIN)/tallenne up --demo --data $(DATA) --port $(PORT)

# Lint is among the tests.
test: $(VENV)/.test programs
	$(BIN)/python -m pytest -n 2 --dist loadgroup

lint: $(VENV)/.test
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/lint-imports
	$(BIN)/mypy

bench: $(VENV)/.test
	@for script in bench/[a-z]*.py; do echo "== $$script" && $(BIN)/python -m bench.$$(basename $$script .py) || exit 1; done

faults: $(VENV)/.test
	$(BIN)/python -m tests.faults --rounds $(ROUNDS)

clean:
	rm -rf $(VENV) node_modules archive/web/static/vendor

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.run: requirements.lock $(BUILD) | $(BIN)/python
	$(PIP) install --quiet --require-hashes -r requirements.lock
	$(PIP) install --quiet --no-deps -e .
	$(BIN)/python -m compileall -q archive ingest search retention
	@touch $@

$(VENV)/.test: requirements-test.lock $(BUILD) | $(BIN)/python
	$(PIP) install --quiet --require-hashes -r requirements-test.lock
	$(PIP) install --quiet --no-deps -e .
	$(BIN)/python -m compileall -q archive ingest search retention
	@touch $@ $(VENV)/.run

# The browser, the age tool, Voikko and a Finnish voice, by Debian's package manager, when they are missing.
programs:
	@missing=; for p in $(TEST_PROGRAMS); do command -v $$p >/dev/null || missing="$$missing $$p"; done; \
	for p in $(TEST_PACKAGES); do \
		dpkg-query -W -f '$${Status}' $$p 2>/dev/null | grep -q 'ok installed' || missing="$$missing $$p"; \
	done; \
	if [ -n "$$missing" ]; then \
		sudo=; [ "$$(id -u)" = 0 ] || sudo=sudo; \
		echo "installing$$missing"; \
		$$sudo apt-get update -qq && \
		DEBIAN_FRONTEND=noninteractive $$sudo apt-get install -y -qq --no-install-recommends $$missing fonts-dejavu-core >/dev/null; \
	fi
