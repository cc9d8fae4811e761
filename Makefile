# `make reproduce` runs the main job, `make test` the tests; both set up .venv first and need only Python >= 3.11.
PYTHON ?= python3
BIN = .venv/bin

.PHONY: reproduce figures fluctuations symmetric sizes scan theory outputs activations protocols inputs mnist \
        docs explorer explorer-same explorer-pictures test test-all test-oldest test-site lint dist bench clean
.NOTPARALLEL:

# The main job: FA and BP at N = 500, K = M = 5, networks and theory; tables, files in data/, figures 1 to 4.
reproduce: .venv/installed
	$(BIN)/stdyn compare --alpha-max 1000 --runs 8 --reduced-runs 64 --no-fluctuations --force

# Every other picture; each part is a target of its own.
figures: reproduce fluctuations symmetric sizes scan theory outputs activations protocols inputs mnist

fluctuations: .venv/installed
	$(BIN)/stdyn compare --name fluctuations --force

symmetric: .venv/installed
	$(BIN)/stdyn compare --config examples/symmetric_start.toml --name symmetric --force

sizes: .venv/installed
	$(BIN)/stdyn sizes --force

scan: .venv/installed
	$(BIN)/stdyn scan examples/scan_fa_bp.toml --force
	$(BIN)/stdyn plot data/scan_fa_bp.h5 --force
	$(BIN)/stdyn plot data/scan_fa_bp.h5 --x b_smallest --value eps_g_final --force

theory: .venv/installed
	$(BIN)/stdyn theory --config examples/soft_committee.toml --force
	$(BIN)/stdyn theory --config examples/soft_committee.toml --sigma 0.3 --vary 'eta={from=0.05, to=1, number=20, spacing="log"}' --force
	$(BIN)/stdyn theory --config examples/symmetric_escape.toml --vary 'N=[100, 1000, 10000, 100000, 1000000]' --name escape --force

# Beside the reference experiment, whose files `make fluctuations` leaves; without them it is run first.
outputs: .venv/installed | data/fluctuations_bp_reduced.h5
	$(BIN)/stdyn compare --config examples/outputs_3.toml --name outputs_3 --no-fluctuations --force
	$(BIN)/stdyn plot data/fluctuations_*_ode.h5 data/fluctuations_*_network.h5 data/fluctuations_*_reduced.h5 data/outputs_3_*.h5 --name fa_bp --force
	$(BIN)/python examples/outputs_numbers.py

data/fluctuations_bp_reduced.h5: | .venv/installed
	$(BIN)/stdyn compare --name fluctuations --force

activations: .venv/installed
	$(BIN)/stdyn compare --activation relu --eta 0.1 --eta-v 0.1 --name relu --no-fluctuations --force
	$(BIN)/python examples/relu_numbers.py

protocols: .venv/installed
	$(BIN)/python examples/tasks_numbers.py
	$(BIN)/python examples/rules_numbers.py
	$(BIN)/python examples/schedules_numbers.py

# $STDYN_MNIST says where MNIST is; without it, it is fetched once.
inputs: .venv/installed-mnist
	$(BIN)/python examples/spectrum_numbers.py
	$(BIN)/python examples/manifold_numbers.py
	$(BIN)/stdyn compare --images mnist --name mnist_theory --force
	$(BIN)/python examples/images_numbers.py

mnist: .venv/installed-mnist
	$(BIN)/stdyn mnist --seeds 1 2 3 4 5
	$(BIN)/stdyn mnist --seeds 1 2 3 4 5 --lr 0.1 -o data/mnist_200-80_lr0.1.h5
	$(BIN)/stdyn mnist --widths 1000 --epochs 40
	$(BIN)/stdyn mnist --widths 200 200 100 --rule dfa fa bp --epochs 20
	$(BIN)/stdyn integrate -o data/student_fa.h5 --force
	$(BIN)/stdyn simulate --method reduced -o data/student_fa_runs.h5 --force
	$(BIN)/stdyn plot data/student_fa.h5 data/student_fa_runs.h5 data/mnist_1000.h5 --name mnist --force
	$(BIN)/python examples/mnist_numbers.py

# The site, in docs/_build/html/: pages, tutorials and gallery, which are run, and the reference; a warning is an error.
docs: .venv/installed-docs
	$(BIN)/python -m sphinx -c docs -W --keep-going -n -q -j auto -b html . docs/_build/html

# Every page of it, and that of the explorer, in a browser: Chromium, which is not installed here.
test-site: docs .venv/installed-site
	$(BIN)/python -m pytest -n auto tests/test_site.py tests/explorer/browser

# The page of the explorer, stdyn/explorer/page/explorer.js, of its sources and uPlot: needs Node, which nothing else does.
PAGE = stdyn/explorer/page
explorer: $(PAGE)/node_modules/.package-lock.json
	cd $(PAGE) && npm run build

# What is committed is what its sources make.
explorer-same: explorer
	git diff --exit-code --stat -- $(PAGE)

$(PAGE)/node_modules/.package-lock.json: $(PAGE)/package-lock.json
	cd $(PAGE) && npm ci --ignore-scripts --no-audit --no-fund
	touch $@

# Pictures of the explorer: Chromium, and minutes for a map.
explorer-pictures: .venv/installed-site
	$(BIN)/python docs/explorer_pictures.py

# What a contributor waits for; test-all runs the long statistical, kill and cluster tests among them. Each worker takes
# files one after the other, so that two seldom compile the same functions, or make the same fixtures, at once.
test: .venv/installed-test
	$(BIN)/python -m pytest -n auto --dist worksteal --durations=15 -m "not slow"

test-all: .venv/installed-test
	$(BIN)/python -m pytest -n auto --dist worksteal --durations=45

# Every test with the oldest versions that pyproject.toml allows: make PYTHON=python3.11 test-oldest
test-oldest: export NUMBA_CACHE_DIR = $(CURDIR)/.venv-oldest/compiled
test-oldest: .venv-oldest/installed
	.venv-oldest/bin/python -m pytest -n auto --dist worksteal --durations=15

lint: .venv/installed-dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

# The source distribution and the wheel; the wheel is installed by itself, with what it asks for, and used.
dist: .venv/installed-test
	rm -rf dist .venv-dist
	$(BIN)/python -m hatchling build -d dist
	$(PYTHON) -m venv .venv-dist
	.venv-dist/bin/python -m pip install --quiet --disable-pip-version-check dist/*.whl
	.venv-dist/bin/stdyn --version
	.venv-dist/bin/stdyn integrate --K 1 --M 1 --alpha-max 1 --points 3 -o .venv-dist/ode.h5

bench: .venv/installed-mnist
	$(BIN)/python benchmarks/run.py

clean:
	rm -rf .venv .venv-oldest .venv-dist dist docs/_build docs/auto_gallery docs/api/generated $(PAGE)/node_modules

.venv/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.12 …")'
	$(PYTHON) -m venv .venv

.venv/installed: .venv/bin/python pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e .
	touch $@

.venv/installed-mnist .venv/installed-test .venv/installed-dev .venv/installed-docs .venv/installed-site: .venv/installed-%: \
		.venv/bin/python pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[$*]'
	touch $@

.venv-oldest/installed: constraints-oldest.txt pyproject.toml
	$(PYTHON) -m venv --clear .venv-oldest
	.venv-oldest/bin/python -m pip install --quiet --disable-pip-version-check -c constraints-oldest.txt -e '.[test]'
	touch $@
