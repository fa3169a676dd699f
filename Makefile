# make demo     the whole road on a simulated corpus, from nothing, in about ten minutes
# make test     the test suite
# make test-oldest   the same on the oldest versions that setup.cfg allows
# make test-newest   the same on the newest versions of everything but torch
# make quality  format, lint, types
# make clean    what the others left behind

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
CONSTRAINED_oldest := --constraint constraints-oldest.txt

.PHONY: demo test test-oldest test-newest quality clean
.DEFAULT_GOAL := demo

$(INSTALLED): setup.cfg pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed; set PYTHON=python3.11") if sys.version_info < (3, 11) else None'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt torch
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[dev]"
	touch $@

demo: $(INSTALLED)
	$(BIN)/python demo.py

test: $(INSTALLED)
	$(BIN)/python -m pytest -n 2

# Not part of .ci/run: each makes an environment of its own (2 GB) and runs every test
test-oldest test-newest: test-%:
	$(PYTHON) -m venv --clear .venv-$*
	.venv-$*/bin/python -m pip install --quiet --constraint constraints-oldest.txt torch
	.venv-$*/bin/python -m pip install --quiet $(CONSTRAINED_$*) --editable ".[dev,s3]"
	.venv-$*/bin/python -m pip check
	.venv-$*/bin/python -m pytest -n 2

quality: $(INSTALLED)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/pyright

clean:
	rm -rf $(VENV) .venv-oldest .venv-newest build *.egg-info .pytest_cache .ruff_cache runs/demo
