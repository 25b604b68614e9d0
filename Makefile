# What the README names: `make demo` and `make test`. Both install what they need into .venv first.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: install demo test test-slow check format generate curves layouts cells site benchmark gpu clean

install: $(STAMP)

$(STAMP): pyproject.toml constraints.txt hatch_build.py
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "recipe-kb needs Python 3.11 or newer; try: make PYTHON=python3.12 $(MAKECMDGOALS)")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[dev]'
	touch $@

# The recipe, where its numbers come from, and a real short training on whatever this machine has.
demo: install
	$(BIN)/kb recipe --gpu t4 --model biobert --tasks 8 --explain
	@echo
	$(BIN)/kb validate t4/biobert/8t-512-full

test: install
	$(BIN)/python scripts/generate.py --compile
	$(BIN)/python -m pytest -n auto -m "not slow"

# The tests that take minutes; continuous integration runs them too. One worker has all that start a Ray cluster.
test-slow: install
	$(BIN)/python scripts/generate.py --compile
	$(BIN)/python -m pytest -n auto --dist loadgroup -m slow

check: install
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python scripts/generate.py --check
	$(BIN)/python scripts/statuses.py --check
	$(BIN)/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
	$(BIN)/kb check
	$(BIN)/kb site check

format: install
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# JSON Schemas and message catalogs, from the code.
generate: install
	$(BIN)/python scripts/generate.py

# Memory of every model, method, precision, attention kernel and checkpointing, from traces; hours for all of them,
# so it goes on where it was stopped. `scripts/curves.py MODEL` traces one.
curves: install
	$(BIN)/python scripts/curves.py

# How several GPUs share the parameters of each network (kb/layouts), and how many cards each needs (docs/data/cards.json).
layouts: install
	$(BIN)/python scripts/layouts.py
	$(BIN)/python scripts/cards.py

# Settings that the picker and the heat map show; only what has changed is worked out again, all of them in 20 minutes.
cells: install
	$(BIN)/kb site cells

# The pages of both languages, in build/site.
site: install
	$(BIN)/kb site build

benchmark: install
	$(BIN)/python benchmarks/start_time.py
	$(BIN)/python benchmarks/memory_accuracy.py

# All evidence that the NVIDIA GPU in this machine can give, part by part; the same command goes on where it ended, and
# `scripts/gpu_evidence.py --list --gpu h200` says what there is. What is proven becomes the status of its recipe.
gpu: install
	$(BIN)/python scripts/gpu_evidence.py $(PARTS); code=$$?; $(BIN)/python scripts/statuses.py; exit $$code

clean:
	rm -rf .venv dist build
