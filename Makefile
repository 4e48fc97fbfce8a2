# Two commands on a fresh machine: `make repro` and `make test`. Both make the environment from the lock.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)

.PHONY: repro test check format env lock ui clean

repro: env
	dvc repro

test: env
	pytest -n auto --dist loadfile

check: env
	ruff check .
	ruff format --check .
	mypy src pipeline

format: env
	ruff check --fix .
	ruff format .

env: $(VENV)/.made

# torch stays within the tested range; an environment is made anew when the lock changes.
$(VENV)/.made: requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed, this is " + sys.version)'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --editable .
	touch $@

lock: # resolve again, within the ranges of pyproject.toml
	$(BIN)/pip install --quiet pip-tools
	$(BIN)/pip-compile --quiet --strip-extras --extra dev --no-emit-index-url --no-emit-trusted-host \
	  --no-annotate --no-header --output-file requirements.lock pyproject.toml
	sed -i -e '/^--/d' -e 's/^\(torch==[0-9.]*\)+.*/\1/' requirements.lock

ui: env
	geogan ui

clean:
	rm -rf $(VENV) build dist *.egg-info src/*.egg-info
