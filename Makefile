# Everything that is done with this repository; `make help` lists it. Needs make and a Python from 3.11 on.
# No registry is named here: pip installs from wherever this machine is set up to, and checks every hash.

BIN := .venv/bin
PYTHON ?= $(shell .ci/python)
ARGS ?=
MKDOCS = NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test test-fast soak check docs bench lock format clean

help: ## list what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' Makefile

demo: .venv/demo.stamp .venv/linked.stamp ## the service on an embedded PostgreSQL, with simulated likes; ARGS="--exit" ends by itself
	$(BIN)/like-ledger demo $(ARGS)

test: .venv/dev.stamp .venv/linked.stamp ## install what the tests need and run every one; ARGS go to pytest
	.ci/install
	.ci/test $(ARGS)

test-fast: .venv/dev.stamp .venv/linked.stamp ## unit, property and tidy tests: under a minute
	$(BIN)/python -m pytest -q -m "not slow" tests/unit tests/property tests/tidy $(ARGS)

soak: .venv/dev.stamp .venv/linked.stamp ## kill, stop, fill and cut what the service needs, under load, for a quarter of an hour; as root, for a small disk
	.ci/install
	SOAK_FACTOR=$${SOAK_FACTOR:-10} $(BIN)/python -m pytest -q --timeout 7200 tests/soak tests/crash/test_kill.py $(ARGS)

check: .venv/dev.stamp .venv/linked.stamp ## format, lint, types, import directions, SQL, licences, documentation, the repository's rules
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/squawk sql/migrations/*.sql
	$(BIN)/pip-licenses > /dev/null
	$(MKDOCS) --quiet
	$(BIN)/python -m pytest -q tests/tidy

docs: .venv/dev.stamp .venv/linked.stamp ## build the documentation site into site/
	$(MKDOCS)

bench: .venv/dev.stamp .venv/linked.stamp ## measure, each figure beside its yardstick; ARGS="--quick" takes a minute or two
	$(BIN)/python -m tests.bench $(ARGS)

format: .venv/dev.stamp ## put every Python file into its form
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lock: ## choose new versions of the dependencies (needs uv) and write requirements/ with hashes, without addresses
	@command -v uv > /dev/null || { echo "make lock needs uv: install it, then again" >&2; exit 1; }
	uv lock --upgrade
	uv export --frozen --no-emit-project --no-emit-index-url --no-dev -o requirements/service.txt
	uv export --frozen --no-emit-project --no-emit-index-url --no-dev --extra demo -o requirements/demo.txt
	uv export --frozen --no-emit-project --no-emit-index-url -o requirements/dev.txt

clean: ## remove what can be made again; ./data stays
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build dist site *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/made.stamp:
	@test -n "$(PYTHON)" || { echo "like-ledger needs Python 3.11 or later, and none is on the PATH: install one, or name it: make PYTHON=… " >&2; exit 1; }
	$(PYTHON) -m venv .venv
	@touch $@

# One file of hashed requirements per purpose: an unchanged one is not installed again.
.venv/%.stamp: requirements/%.txt | .venv/made.stamp
	$(BIN)/python -m pip install --require-hashes -r $<
	@touch $@

# The project is used where it lies: a path file, and a command; so nothing has to be built, on line or off.
.venv/linked.stamp: | .venv/made.stamp
	@$(BIN)/python -c 'import pathlib, sysconfig; pathlib.Path(sysconfig.get_path("purelib"), "like_ledger.pth").write_text("$(CURDIR)\n", encoding="utf-8")'
	@install -m 755 .ci/like-ledger $(BIN)/like-ledger
	@touch $@
