# Every target works from a fresh clone, as root and as an ordinary user. `make help` lists them.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
.DEFAULT_GOAL := help
.PHONY: help setup demo up down status migrate doctor config-check screenshots test test-fast prove bench lint fmt docs migration new-tracker lock clean

help:            ## this list
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(STAMP): requirements.txt requirements-dev.txt pyproject.toml
	@$(PYTHON) launcher/bootstrap.py $(VENV)
	@touch $(STAMP)

setup: $(STAMP)  ## build .venv from the committed lock

demo: setup      ## everything on this machine, offline: sandbox, PostgreSQL, Airflow; collects once and stays up
	@exec $(BIN)/python -m launcher demo
up: setup        ## as demo, but against the real services, with what .env configures
	@exec $(BIN)/python -m launcher up
down: setup      ## stop whatever demo or up started
	@$(BIN)/python -m launcher down
status: setup    ## what runs, where, and what was collected
	@$(BIN)/python -m launcher status
migrate: setup   ## bring the database of DATABASE_URL (or the embedded one) to the newest schema
	@$(BIN)/python -m launcher migrate
doctor: setup    ## check this machine and the configuration, name what is missing
	@$(BIN)/python -m launcher doctor
config-check: setup ## every setting, its value and where it comes from; the schedule, checked
	@$(BIN)/python -m launcher config-check

screenshots: setup ## make the pictures in docs/images with Chromium, against a demo that is up
	@$(BIN)/python docs/make_screenshots.py

test: setup      ## the whole suite, with lint, types and import contracts
	@PYTHONUNBUFFERED=1 $(BIN)/python -m pytest -q -m "not prove" -n 2 --dist loadgroup
test-fast: setup ## the inner loop: everything that needs no running Airflow (< 90 s)
	@PYTHONUNBUFFERED=1 CRASH_SPREAD=2 $(BIN)/python -m pytest -q -m "not prove and not system" -n 2 --dist loadgroup --ignore=tests/test_house.py
prove: setup     ## what is too heavy for every run: every crash point, hundreds of random histories
	@PYTHONUNBUFFERED=1 $(BIN)/python -m pytest -q -m prove
bench: setup     ## ratios of the same run beside their targets; fails where one is missed
	@$(BIN)/python -m benchmarks

lint: setup      ## ruff, mypy --strict, import contracts
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy && PYTHONPATH=plugins:. $(BIN)/lint-imports
fmt: setup       ## let ruff put the code in order
	@$(BIN)/ruff check --fix . ; $(BIN)/ruff format .

docs: setup      ## write what documents say about the code: configuration, .env.example, dependencies, stable names
	@cd $(CURDIR) && for part in configuration dependencies stable_names; do \
	  PYTHONPATH=plugins:. $(BIN)/python -m house.$$part || exit 1; done

migration: setup ## name=…: the revision that is missing between migrations and models, written and tried out
	@PYTHONPATH=plugins:. $(BIN)/python -m launcher.migration $(name)

new-tracker: setup ## name=…: a new source with all its parts, working; docs/adding-a-tracker.md goes on from there
	@PYTHONPATH=plugins:. $(BIN)/python -m house.new_tracker $(name) && $(MAKE) --no-print-directory fmt docs

lock: setup      ## renew requirements.txt and requirements-dev.txt from their .in files
	@$(BIN)/uv pip compile --universal --python-version 3.11 -q \
	  --custom-compile-command "make lock" requirements.in -o requirements.txt
	@$(BIN)/uv pip compile --universal --python-version 3.11 -q \
	  --custom-compile-command "make lock" requirements-dev.in -o requirements-dev.txt
clean:           ## remove .venv and caches (not the state folder)
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
