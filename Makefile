# Every target works from a fresh clone, as root and as an ordinary user. `make help` lists them.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
.DEFAULT_GOAL := help
# Without its compiled modules every process would compile Airflow again, for several seconds each.
unexport PYTHONDONTWRITEBYTECODE
.PHONY: help setup demo up down status migrate doctor config-check screenshots test test-fast prove bench lint fmt docs migration new-tracker lock clean

help:            ## list the targets
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(STAMP): requirements.txt requirements-dev.txt pyproject.toml
	@$(PYTHON) launcher/bootstrap.py $(VENV)
	@touch $(STAMP)

setup: $(STAMP)  ## build .venv from the committed lock

demo: setup      ## run everything offline on this machine: sandbox, PostgreSQL, Airflow; collect once, then keep running
	@exec $(BIN)/python -m launcher demo
up: setup        ## like demo, but with the real services and the settings in .env
	@exec $(BIN)/python -m launcher up
down: setup      ## stop what demo or up started
	@$(BIN)/python -m launcher down
status: setup    ## show what is running, where, and what was collected
	@$(BIN)/python -m launcher status
migrate: setup   ## migrate the database of DATABASE_URL (or the embedded one) to the newest schema
	@$(BIN)/python -m launcher migrate
doctor: setup    ## check this machine and the configuration, and report what is missing
	@$(BIN)/python -m launcher doctor
config-check: setup ## show every setting with its value and origin; check the schedule
	@$(BIN)/python -m launcher config-check

screenshots: setup ## take the screenshots in docs/images with Chromium; needs a running demo
	@$(BIN)/python docs/make_screenshots.py

test: setup      ## run all tests, with lint, types and import contracts
	@PYTHONUNBUFFERED=1 $(BIN)/python -m pytest -q -m "not prove" -n 2 --dist loadgroup
test-fast: setup ## run the tests that need no running Airflow, and fewer crashes and histories (< 90 s)
	@PYTHONUNBUFFERED=1 TEST_EVERY=3 CRASH_SPREAD=1 $(BIN)/python -m pytest -q -m "not prove and not system" -n 2 --dist loadgroup \
	  --ignore=tests/test_code_style.py --ignore=tests/store/test_migration.py \
	  --ignore=tests/crash/test_side_by_side.py
prove: setup     ## run the tests that are too slow for every run: every crash point, hundreds of random histories
	@PYTHONUNBUFFERED=1 $(BIN)/python -m pytest -q -m prove
bench: setup     ## measure speed and memory against their targets; fail if one is missed
	@$(BIN)/python -m benchmarks

lint: setup      ## run ruff, mypy --strict and the import contracts
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy && PYTHONPATH=plugins:. $(BIN)/lint-imports
fmt: setup       ## fix and format the code with ruff
	@$(BIN)/ruff check --fix . ; $(BIN)/ruff format .

docs: setup      ## regenerate what is derived from the code: collectors, configuration, dependencies, stable names
	@cd $(CURDIR) && for part in collector_table configuration dependencies stable_names; do \
	  PYTHONPATH=plugins:. $(BIN)/python -m checks.$$part || exit 1; done

migration: setup ## name=…: write the revision that is missing between migrations and models, and try it
	@PYTHONPATH=plugins:. $(BIN)/python -m launcher.migration $(name)

new-tracker: setup ## name=…: create a new source, complete and working; continue with docs/adding-a-tracker.md
	@PYTHONPATH=plugins:. $(BIN)/python -m scaffold.new_tracker $(name) && $(MAKE) --no-print-directory fmt docs

lock: setup      ## update requirements.txt and requirements-dev.txt from their .in files
	@$(BIN)/uv pip compile --universal --python-version 3.11 -q \
	  --custom-compile-command "make lock" requirements.in -o requirements.txt
	@$(BIN)/uv pip compile --universal --python-version 3.11 -q \
	  --custom-compile-command "make lock" requirements-dev.in -o requirements-dev.txt
clean:           ## remove .venv and caches (not the state folder)
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
