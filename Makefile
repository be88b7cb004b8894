# The verbs. `make` alone lists them; each is one line that calls a tool.

SHELL := /bin/bash
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/ready
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile

PEERS := .venv-peers
export IMAGINEAI_PEERS_PYTHON ?= $(wildcard $(CURDIR)/$(PEERS)/bin/python)

export PATH := $(CURDIR)/$(BIN):$(PATH)
export IMAGINEAI_HOME ?= $(CURDIR)/.imagineai
# The running platform's variables, for what talks to MLflow; a MLFLOW_TRACKING_URI that is set goes before all of them.
ENV := set -a; . "$$IMAGINEAI_HOME/env"; set +a
WITH_MLFLOW := if test -z "$$MLFLOW_TRACKING_URI" -a -f "$$IMAGINEAI_HOME/env"; then $(ENV); fi;
# For what talks to the database; a DATABASE_URL that is set goes before the platform's.
WITH_DATABASE := own="$$DATABASE_URL"; if test -f "$$IMAGINEAI_HOME/env"; then $(ENV); fi; export DATABASE_URL="$${own:-$$DATABASE_URL}";

.DEFAULT_GOAL := help
.PHONY: help env models up down admin status backup restore demo train promote rollback test peers bench fuzz soak check format openapi docs clean

help:  ## List the verbs
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

env: $(READY)  ## Install everything into .venv

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "ImagineAI needs Python 3.11 or newer; set PYTHON=python3.11")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing into $(VENV) (a few minutes the first time)"
	@$(PIP) --no-deps -r constraints.txt
	@$(PIP) -c constraints.txt -e '.[all]'
	@# Compiled here by all cores at once, which pip does not.
	@$(BIN)/python -m compileall -q -j 0 -x '/tests?/' $(VENV)/lib > /dev/null || true
	@touch $@

models: $(READY)  ## Fetch the released starter model
	@$(BIN)/dvc pull --quiet models.dvc

up: $(READY) models  ## Start everything and analyse a picture (DETACH=1 returns afterwards)
	@$(BIN)/python -m imagineai_local up $(if $(DETACH),--detach)

down: $(READY)  ## Stop everything
	@$(BIN)/python -m imagineai_local down

admin: $(READY)  ## Let an account see the operators' page: make admin EMAIL=you@example.com (REVOKE=1 takes it away)
	@$(WITH_DATABASE) $(BIN)/python -m imagineai_api.roles "$(EMAIL)" $(if $(REVOKE),user,admin)

status: $(READY)  ## Say what runs and where
	@$(BIN)/python -m imagineai_local status

backup: $(READY)  ## Write all that the platform holds into a file (TO=backup.tar), running or not
	@$(BIN)/python -m imagineai_local backup "$(or $(TO),backup.tar)"

restore: $(READY)  ## Fill an empty IMAGINEAI_HOME from such a file (FROM=backup.tar)
	@$(BIN)/python -m imagineai_local restore "$(or $(FROM),backup.tar)"

demo: $(READY)  ## Analyse a picture: make demo IMAGE=photo.jpg
	@$(BIN)/python -m imagineai_client demo $(if $(IMAGE),"$(IMAGE)")

train: $(READY)  ## From photos to a model: make train, with your own photos DATA=folder or DATA=table.csv
	@$(WITH_MLFLOW) $(if $(DATA),IMAGINEAI_DATA="$$(realpath -m "$(DATA)")") $(BIN)/dvc repro register

promote: $(READY)  ## Make the challenger the champion, if it passes the gate (VERSION=n, CONFIRM=1 lets labels go, FORCE=1)
	@$(WITH_MLFLOW) $(BIN)/python -m training.promote $(if $(VERSION),--version $(VERSION)) $(if $(CONFIRM),--confirm-dropped) $(if $(FORCE),--force)

rollback: $(READY)  ## Make the newest earlier version that passed the gate the champion again
	@$(WITH_MLFLOW) $(BIN)/python -m training.rollback

test: $(READY) models  ## Run every test, on platforms of their own, by two workers (TESTS=path: those alone, by one)
	@$(BIN)/python -m pytest $(or $(TESTS),-n 2 --no-loadscope-reorder)

peers: constraints.txt  ## Install what `make bench` compares with into .venv-peers, apart from all else
	@$(PYTHON) -m venv $(PEERS) && $(PEERS)/bin/python -m pip install --quiet -c <(grep -v ^opentelemetry constraints.txt) -e '.[peers]'

bench: $(READY) models  ## Measure what jobs and requests cost, beside the work itself and beside peers (BATCH=1000 pictures)
	@$(BIN)/python -m bench $(if $(BATCH),--batch $(BATCH))

fuzz: $(READY) models  ## Let a fuzzer loose on a platform of its own: make fuzz MINUTES=10 (SEED=... again)
	@FUZZ_MINUTES=$(or $(MINUTES),10) FUZZ_SEED=$(SEED) $(BIN)/python -m pytest -s tests/contract/test_fuzz.py tests/contract/test_fuzz_sockets.py

soak: $(READY) models  ## Kill and stop parts at random while clients work: make soak MINUTES=15 (SEED=... again)
	@SOAK_MINUTES=$(or $(MINUTES),15) SOAK_SEED=$(SEED) $(BIN)/python -m pytest -s tests/faults/test_soak.py

check: $(READY)  ## Lint, types, architecture contracts, clean notebooks
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy && $(BIN)/lint-imports && $(BIN)/nbstripout --verify notebooks/*.ipynb

format: $(READY)  ## Format the code
	@$(BIN)/ruff check --fix-only --quiet . ; $(BIN)/ruff format .

openapi: $(READY)  ## Write the OpenAPI document that the tests compare with
	@$(BIN)/python -m imagineai_api.openapi docs/openapi.json

docs: $(READY)  ## Build these documents as a site, with the references, into build/docs
	@$(BIN)/python -m website

clean:  ## Remove the environment and caches; the state folder stays
	@rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache build *.egg-info
