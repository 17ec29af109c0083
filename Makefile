# Everything a developer or a first visitor runs. Needs Python 3.11 or newer and make, nothing else:
# every target makes its own virtual environment in .venv and installs again only when a requirements file changes.

VENV    := .venv
PY      := $(VENV)/bin/python
WORKERS ?= 2
ARGS    ?=

# The first interpreter that really runs and is new enough: a name on PATH may be a stub that only prints an error.
PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3.14 python3; do \
	"$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && { echo "$$p"; break; }; done)

RUN_STAMP := $(VENV)/.installed-run
DEV_STAMP := $(VENV)/.installed-dev

.PHONY: help demo test check peers bench bench-forecast chaos install install-dev clean
.DELETE_ON_ERROR:

help:
	@echo 'make demo    the whole product on loopback, with stand-in platforms and 90 days of history'
	@echo 'make test    every test but the ones marked peers, on $(WORKERS) workers'
	@echo 'make check   lint, format, types, import contracts, packs'
	@echo 'make peers   the slow tests against other programs (Prometheus, node exporter, LiteLLM, OpenTelemetry, DuckLake, the browser, kills, connect from a shell)'
	@echo 'make bench   measure ingest, queries and pages    make chaos   kill it, fill it, starve it'
	@echo 'make bench-forecast [DATA=DIR]  how good the forecasts and anomalies are, how fast; PEERS=1 PYTHON=EXE: beside statsforecast'
	@echo 'make clean   remove the virtual environment and every cache (never var/, where data lives)'

demo: install
	bin/roomleft demo $(ARGS)

test: install-dev
	$(PY) -m pytest -m "not peers" -n $(WORKERS) --dist loadfile --no-loadscope-reorder $(ARGS)

check: install-dev
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy
	$(PY) -c 'from importlinter.cli import lint_imports_command as lint; lint()'
	bin/roomleft check

# pytest exits 5 when nothing was collected, which is right only while no test carries the marker.
peers: install-dev
	@$(PY) -m pytest -m peers -n $(WORKERS) --dist loadfile --no-loadscope-reorder $(ARGS); status=$$?; \
	if [ $$status -eq 5 ] && ! grep -rqs --include='*.py' 'mark\.peers' tests; then \
		echo 'make peers: no test is marked peers'; exit 0; fi; exit $$status

bench: install-dev
	$(PY) -m tests.benchmarks $(ARGS)

# DATA names a folder laid out like shared/data. With PEERS=1, PYTHON names an interpreter that has statsforecast, which is timed beside us;
# the environment itself is made with PYTHON only while there is none, as everywhere here.
bench-forecast: install-dev
	PEERS="$(PEERS)" BENCH_PYTHON="$(if $(filter command environment,$(firstword $(origin PYTHON))),$(PYTHON))" \
	$(PY) -m tests.benchmarks.forecast $(if $(DATA),--data "$(DATA)") $(ARGS)

chaos: install-dev
	$(PY) -m tests.chaos $(ARGS)

install: $(RUN_STAMP)
install-dev: $(DEV_STAMP)

$(RUN_STAMP): requirements.txt constraints.txt | $(VENV)/bin/pip
	@echo 'Installing what Roomleft needs into $(VENV) (a minute or two, about 900 MB) ...'
	@$(PY) -m pip install -qq --disable-pip-version-check -c constraints.txt -r requirements.txt
	@touch $@

$(DEV_STAMP): requirements-dev.txt requirements.txt constraints.txt | $(VENV)/bin/pip
	@echo 'Installing what Roomleft and its tests need into $(VENV) (a minute or two, about 1.2 GB) ...'
	@$(PY) -m pip install -qq --disable-pip-version-check -c constraints.txt -r requirements-dev.txt
	@touch $(RUN_STAMP) $@

$(VENV)/bin/pip:
	@if [ -z "$(PYTHON)" ]; then \
		echo "Roomleft needs Python 3.11 or newer; python3 here is $$(python3 -V 2>&1 || true)." >&2; \
		echo "Install one (Debian: apt install python3 python3-venv), or name it: make PYTHON=/path/to/python3.12 ..." >&2; exit 1; fi
	@if ! "$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then \
		echo "Roomleft needs Python 3.11 or newer; $(PYTHON) is $$("$(PYTHON)" -V 2>&1)." >&2; exit 1; fi
	@if ! "$(PYTHON)" -c 'import ensurepip, venv' 2>/dev/null; then \
		echo "$(PYTHON) cannot make virtual environments: its venv module is not installed (Debian: apt install python3-venv)." >&2; exit 1; fi
	@echo "Making $(VENV) with $$("$(PYTHON)" -V) ..."
	@"$(PYTHON)" -m venv --clear $(VENV)

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis test-results
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
