# make        install what is pinned into .venv and run the default study
# make test   the same set-up, then the whole test suite

PYTHON ?= python3
BIN := .venv/bin
export OMP_NUM_THREADS ?= 1

.PHONY: all run test test-slow test-slurm test-interruptions lint format reference bench coverage peers overhead clean

all: run

run: .venv/installed ## the default study, from images to figures
	$(BIN)/snakemake

test: .venv/installed lint ## everything that CI checks, two tests at a time
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

test-slurm: .venv/installed ## the small study on a real SLURM, which is installed where it is missing; as root
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[dev,slurm]"
	$(BIN)/python -m pytest -m "slurm or not slurm" tests/slurm

test-interruptions: .venv/installed ## runs cut off in four ways at random moments, twenty times each; some as root only
	$(BIN)/python -m pytest -m "stress or not stress" tests/test_interruptions.py

test-slow: .venv/installed ## checks that take minutes: every family of timm, third-party data where it is
	$(BIN)/python -m pytest -m "slow or data"

lint: .venv/installed ## what pre-commit checks too
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check Snakefile rules
	$(BIN)/mypy
	$(BIN)/snakemake --lint

reference: .venv/installed ## docs/reference, from the settings classes of the configuration
	PYTHONPATH=scripts $(BIN)/python -m kindred.config.reference

format: .venv/installed ## bring all files into shape
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/snakefmt Snakefile rules

overhead: .venv/installed ## the pipeline's own cost on the default study
	$(BIN)/python tests/benchmarks/overhead.py

bench: .venv/installed ## every kernel against its floor, and against other implementations where installed
	$(BIN)/python tests/benchmarks --csv results/benchmarks.csv

coverage: .venv/installed ## docs/coverage.md: how often intervals cover the truth, by simulation, in minutes
	PYTHONPATH=scripts $(BIN)/python tests/coverage

peers: .venv/installed ## the other implementations that `make bench` compares with
	$(BIN)/python -m pip install --quiet --no-deps -r tests/benchmarks/peers.txt

.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit("Kindred needs Python 3.11 or newer, not " + sys.version.split()[0]) if sys.version_info < (3, 11) else 0'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

clean: ## results and the environment
	rm -rf .venv results .snakemake
