"""Shared by all tests: caches in a temporary folder, real records, a small corpus, tiny models and the scripts."""

import gc
import os
import subprocess
import tempfile


# What collecting makes, modules and items, lives to the end: looking for garbage in it took a fifth of the time.
gc.disable()

# `datasets` and `transformers` read these when imported: no test may touch the user's cache or the net.
_CACHE = tempfile.TemporaryDirectory(prefix="supreme_tests_")
os.environ["HF_HOME"] = _CACHE.name
os.environ["HF_DATASETS_CACHE"] = f"{_CACHE.name}/datasets"
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["HF_DATASETS_DISABLE_PROGRESS_BARS"] = "1"
# PyTorch reads this when imported: on tiny models, threads wait a hundred times longer than they compute.
os.environ.setdefault("OMP_NUM_THREADS", "1")

from pathlib import Path  # noqa: E402

import pandas as pd  # noqa: E402
import pytest  # noqa: E402
from helpers.records.ptb_xl_records import make_microvolts, make_ptb_xl_row, write_ptb_xl_record, write_scp_statements  # noqa: E402
from helpers.tiny_models import TINY_ENCODERS, make_tokenizer, save_text_encoder  # noqa: E402
from hypothesis import settings  # noqa: E402


collect_ignore_glob = ["*conftest.py"]  # fixtures hold no doctests

# The same examples in every run; `benchmarks/fuzz_readers.py` looks for new ones.
settings.register_profile("repeatable", derandomize=True, database=None)
settings.load_profile("repeatable")


def pytest_collection_modifyitems(items):
    """Begin with the files that hold slow tests: at the end one of them would keep one worker busy, and no other."""
    slow = {item.path for item in items if "slow" in item.keywords}
    items.sort(key=lambda item: item.path not in slow)


@pytest.hookimpl(wrapper=True)
def pytest_collection():
    """Look for garbage from the end of collecting on, and only among what the tests make."""
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


_crashed = set()


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node, error):
    """Say how a worker of pytest-xdist ended that vanished: by a signal, or by itself."""
    if error:
        try:
            ended = f"ended with code {node.gateway._io.popen.wait(timeout=30)}"
        except subprocess.TimeoutExpired:
            ended = "runs on, but does not answer"
        node.config.get_terminal_writer().line(f"[{node.gateway.id}] {ended}")


@pytest.hookimpl(optionalhook=True)
def pytest_handlecrashitem(crashitem, report, sched):
    """Try a test once more, and say so, whose worker of pytest-xdist vanished; one that takes two along has failed."""
    if crashitem not in _crashed:
        _crashed.add(crashitem)
        sched.config.get_terminal_writer().line(f"once more: {crashitem}")
        sched.mark_test_pending(crashitem)
        report.outcome = "rerun"


@pytest.fixture(scope="session")
def data_dir():
    """The folder of real records; a test that asks for it is skipped where the folder is missing."""
    path = Path(os.environ.get("ECG_DATA_DIR", Path(__file__).parents[2] / "shared" / "data"))
    if not path.is_dir():
        pytest.skip(f"no real records: {path} does not exist (set ECG_DATA_DIR)")
    return path


@pytest.fixture(scope="session")
def ptb_xl_dir(tmp_path_factory):
    """Twenty records in the layout of PTB-XL, two per fold, at both rates. Copy the folder before changing it."""
    folder = tmp_path_factory.mktemp("ptb-xl")
    table = pd.DataFrame([make_ptb_xl_row(ecg_id) for ecg_id in range(1, 21)])
    table.to_csv(folder / "ptbxl_database.csv", index=False)
    write_scp_statements(folder / "scp_statements.csv")
    for row in table.itertuples():
        write_ptb_xl_record(folder / row.filename_hr, make_microvolts(row.ecg_id), sampling_rate=500)
        write_ptb_xl_record(folder / row.filename_lr, make_microvolts(row.ecg_id)[::5], sampling_rate=100)
    return folder


@pytest.fixture
def forbidden_folder():
    """A new folder that everybody may enter, in a process without the rights of root, whom no permission stops."""
    with tempfile.TemporaryDirectory(prefix="supreme_forbidden_") as name:
        Path(name).chmod(0o777)
        user = os.geteuid()
        os.seteuid(user or 65534)
        yield Path(name)
        os.seteuid(user)


@pytest.fixture(scope="session")
def load_mixture(ptb_xl_dir):
    """A function that loads simulated records, made on the fly, beside those of PTB-XL, with every finding."""
    from training_scripts.arguments import DataArguments
    from training_scripts.data.training_data import load_data

    def load(config_name, **options):
        names, configs = ["simulated", "ptb_xl"], ["none", config_name]
        return load_data(DataArguments(names, configs, [str(ptb_xl_dir)], on_the_fly=True, min_positives=1, **options))

    return load


@pytest.fixture(scope="session")
def text_encoder_dir(tmp_path_factory):
    """A random BERT, 32 wide, whose WordPiece vocabulary holds some words of the field; loads without the net."""
    return save_text_encoder(tmp_path_factory.mktemp("text_encoder"), make_tokenizer(), num_layers=2)


@pytest.fixture(scope="session")
def make_tiny_model(text_encoder_dir):
    """A function that builds a tiny model around `text_encoder_dir`: `make_tiny_model("vit", text_pooling="mean")`."""
    import torch

    from modeling_supreme import SupremeEcgConfig, SupremeModel

    def make(encoder_type="hybrid", **config_fields):
        torch.manual_seed(0)
        ecg_config = SupremeEcgConfig(
            encoder_type=encoder_type,
            sampling_rate=100,
            num_samples=1000,
            **TINY_ENCODERS[encoder_type],
        )
        config_fields = {
            "fusion_hidden_size": 16,
            "fusion_intermediate_size": 32,
            "num_fusion_heads": 2,
            **config_fields,
        }
        return SupremeModel.from_text_pretrained(str(text_encoder_dir), ecg_config=ecg_config, **config_fields)

    return make


@pytest.fixture
def tiny_model(make_tiny_model):
    """A fresh hybrid with a frozen text encoder, in evaluation mode."""
    return make_tiny_model("hybrid", trained_queries=["atrial fibrillation", "normal ecg"])


@pytest.fixture(scope="session")
def tiny_processor(text_encoder_dir):
    """Processor of the tiny models: 12 leads, 10 s at 100 Hz."""
    from transformers import AutoTokenizer

    from modeling_supreme import SupremeEcgFeatureExtractor, SupremeProcessor

    extractor = SupremeEcgFeatureExtractor(sampling_rate=100, num_samples=1000)
    return SupremeProcessor(extractor, AutoTokenizer.from_pretrained(text_encoder_dir))


@pytest.fixture(scope="session")
def make_checkpoint(make_tiny_model, tiny_processor, tmp_path_factory):
    """A function that saves a tiny model as a training run does and returns its folder: `make_checkpoint("vit")`."""
    from training_scripts.objectives.supervised import save_zero_shot_model

    def make(encoder_type="hybrid", **config_fields):
        folder = tmp_path_factory.mktemp("checkpoint")
        save_zero_shot_model(make_tiny_model(encoder_type, **config_fields), tiny_processor, folder)
        return folder

    return make


@pytest.fixture(scope="session")
def tiny_checkpoint_dir(make_checkpoint):
    """What a training run leaves: weights, configuration, processor and code. Not to be written to."""
    return make_checkpoint("hybrid", trained_queries=["atrial fibrillation", "normal ecg"])


@pytest.fixture(scope="session")
def suite_root(ptb_xl_dir, tmp_path_factory):
    """A folder with PTB-XL (20 records), CPSC2018 (3) and Chapman-Shaoxing-Ningbo (5). Not to be written to."""
    from helpers.records.suite_records import write_suite_root

    return write_suite_root(tmp_path_factory.mktemp("suite") / "corpora", ptb_xl_dir)


@pytest.fixture(scope="session")
def split_dir(tmp_path_factory):
    """MERL's tables for these records. Not to be written to."""
    from helpers.records.suite_records import write_all_merl_tables

    return write_all_merl_tables(tmp_path_factory.mktemp("merl") / "data_split")


@pytest.fixture(scope="session")
def load_metric(tmp_path_factory):
    """Loads a metric as the `evaluate` library does, with its caches in a temporary folder."""
    import evaluate

    folder = tmp_path_factory.mktemp("evaluate_caches")
    modules = folder / "evaluate_modules_of_this_test"
    modules.mkdir()
    (modules / "__init__.py").touch()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("evaluate.loading.init_dynamic_modules", lambda: str(modules))
        patch.syspath_prepend(folder)
        yield lambda path: evaluate.load(str(path), cache_dir=str(folder / "metrics"))
