# Fresh machine: `make demo` or `make test`. Both make .venv and install what they need, once.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := pyproject.toml constraints.txt CMakeLists.txt $(wildcard src/mynah/kernels/*.cpp src/mynah/kernels/*.h)

.PHONY: demo test test-slow lint bench clean

demo: $(VENV)/base
	$(BIN)/mynah demo --out mynah-demo
	@echo "Open mynah-demo/run/report.html in a browser."

test: $(VENV)/test
	$(BIN)/python -m pytest -n 2 --dist worksteal --durations=20

test-slow: $(VENV)/test
	$(BIN)/python -m pytest -n 2 --dist worksteal -m slow

lint: $(VENV)/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# Every benchmark in its quick form, the peers beside; a name that begins with _ is no benchmark.
BENCHMARKS := $(wildcard benchmarks/[a-z]*.py)

bench: $(VENV)/bench
	@failed=; for script in $(BENCHMARKS); do \
	    echo "== $$script"; OMP_NUM_THREADS=1 $(BIN)/python $$script --quick || failed="$$failed $$script"; \
	done; test -z "$$failed" || { echo "failed:$$failed"; exit 1; }

$(VENV)/made:
	$(PYTHON) -c 'import sys; sys.exit("Mynah needs Python 3.11 or newer" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)
	touch $@

$(VENV)/base: $(VENV)/made $(INSTALLED)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e .
	touch $@

$(VENV)/test: $(VENV)/made $(INSTALLED)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[test]'
	touch $@ $(VENV)/base

$(VENV)/bench: $(VENV)/test
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[bench]'
	touch $@

$(VENV)/dev: $(VENV)/test
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt ruff mypy
	touch $@

clean:
	rm -rf $(VENV) build mynah-demo mynah-run
