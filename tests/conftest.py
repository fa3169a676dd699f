"""Shared by all tests: caches in a temporary folder, real records, a small corpus, tiny models and the scripts."""

import importlib.util
import os
import sys
import tempfile


# `datasets` and `transformers` read these when imported: no test may touch the user's cache or the net.
_CACHE = tempfile.TemporaryDirectory(prefix="supreme_tests_")
os.environ["HF_HOME"] = _CACHE.name
os.environ["HF_DATASETS_CACHE"] = f"{_CACHE.name}/datasets"
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["HF_DATASETS_DISABLE_PROGRESS_BARS"] = "1"
# PyTorch reads this when imported: on tiny models, threads wait a hundred times longer than they compute.
os.environ.setdefault("OMP_NUM_THREADS", "1")

from pathlib import Path  # noqa: E402

import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
import pytest  # noqa: E402
import wfdb  # noqa: E402

from datasets_scripts.ptb_xl import ALL_CODES, CLASSES_OF_CODE, FORM_CODES, RHYTHM_CODES  # noqa: E402


ROOT = Path(__file__).resolve().parents[1]
PTB_XL_LEADS = ["I", "II", "III", "AVR", "AVL", "AVF", "V1", "V2", "V3", "V4", "V5", "V6"]

# One per record of `ptb_xl_dir`, twice in turn; record 6 and 16 have neither a diagnosis nor a form.
PTB_XL_CODES = (
    {"NORM": 100.0, "SR": 0.0},
    {"IMI": 80.0, "1AVB": 100.0, "SR": 0.0},
    {"ASMI": 0.0, "LAFB": 100.0, "AFIB": 0.0},
    {"LVH": 50.0, "NDT": 100.0, "SR": 0.0},
    {"NST_": 100.0, "SBRAD": 0.0},
    {"SR": 0.0},
    {"CRBBB": 100.0, "PVC": 100.0, "SR": 0.0},
    {"ISC_": 100.0, "LVOLT": 100.0, "STACH": 0.0},
    {"LAO/LAE": 100.0, "SARRH": 0.0},
    {"NORM": 80.0, "SBRAD": 0.0},
)


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


def make_microvolts(ecg_id):
    """`(5000, 12)` sines whose amplitude tells the lead (100 µV for I to 1200 µV for V6) and whose rate the record."""
    seconds = np.arange(5000) / 500
    sine = np.sin(2 * np.pi * (1 + ecg_id / 20) * seconds)
    return np.rint(sine[:, None] * 100 * np.arange(1, 13)).astype(np.int16)


def write_ptb_xl_record(path, microvolts, *, sampling_rate, leads=PTB_XL_LEADS, gain=1000.0):
    """Write a WFDB record as PTB-XL does: one `.dat` of `int16` with a gain of 1000 per mV."""
    path.parent.mkdir(parents=True, exist_ok=True)
    num_leads = microvolts.shape[1]
    wfdb.wrsamp(
        path.name,
        fs=sampling_rate,
        units=["mV"] * num_leads,
        sig_name=list(leads),
        d_signal=microvolts,
        fmt=["16"] * num_leads,
        adc_gain=[gain] * num_leads,
        baseline=[0] * num_leads,
        write_dir=str(path.parent),
    )


def make_ptb_xl_row(ecg_id):
    """A row of ptbxl_database.csv; record 1 is over 89 years old, record 2 of unknown age."""
    return {
        "ecg_id": ecg_id,
        "patient_id": 1000.0 + ecg_id,
        "age": {1: 300.0, 2: None}.get(ecg_id, 40.0 + ecg_id),
        "sex": ecg_id % 2,
        "report": "sinus rhythm. left axis deviation.\nqrs 0.12 s.",
        "scp_codes": str(PTB_XL_CODES[(ecg_id - 1) % 10]),
        "validated_by_human": True,
        "strat_fold": (ecg_id - 1) % 10 + 1,
        "filename_lr": f"records100/00000/{ecg_id:05d}_lr",
        "filename_hr": f"records500/00000/{ecg_id:05d}_hr",
    }


def write_scp_statements(path):
    """The columns of the official table that a reader needs; tests marked `data` read the real one."""
    rows = {
        code: {
            "diagnostic": 1.0 if code in CLASSES_OF_CODE else None,
            "form": 1.0 if code in FORM_CODES else None,
            "rhythm": 1.0 if code in RHYTHM_CODES else None,
            "diagnostic_class": CLASSES_OF_CODE.get(code, (None, None))[0],
            "diagnostic_subclass": CLASSES_OF_CODE.get(code, (None, None))[1],
        }
        for code in ALL_CODES
    }
    pd.DataFrame.from_dict(rows, orient="index").to_csv(path)


@pytest.fixture
def forbidden_folder():
    """A new folder that everybody may enter, in a process without the rights of root, whom no permission stops."""
    with tempfile.TemporaryDirectory(prefix="supreme_forbidden_") as name:
        Path(name).chmod(0o777)
        user = os.geteuid()
        os.seteuid(user or 65534)
        yield Path(name)
        os.seteuid(user)


def make_corpus_row(record_id, signal, **columns):
    """A row of a corpus: ten seconds of all leads at 500 Hz, without a label of the only one; or the columns given."""
    return {
        "record_id": record_id,
        "patient_id": record_id,
        "signal": signal,
        "lead_mask": [True] * 12,
        "num_samples": 5000,
        "sampling_rate_original": 500,
        "num_samples_original": 5000,
        "window_start_s": 0.0,
        "age": 50.0,
        "sex": "female",
        "report": "",
        "statements": [],
        "labels": [],
        "label_mask": [True],
        **columns,
    }


@pytest.fixture(scope="session")
def load_mixture(ptb_xl_dir):
    """A function that loads simulated records, made on the fly, beside those of PTB-XL, with every finding."""
    from training_scripts.arguments import DataArguments
    from training_scripts.data.training_data import load_data

    def load(config_name, **options):
        names, configs = ["simulated", "ptb_xl"], ["none", config_name]
        return load_data(DataArguments(names, configs, [str(ptb_xl_dir)], on_the_fly=True, min_positives=1, **options))

    return load


def rows_by_id(corpus):
    """Rows of all splits by record id, with labels as names and signals as arrays."""
    names = corpus["train"].features["labels"].feature.names
    return {
        row["record_id"]: row
        | {"split": split, "labels": [names[label] for label in row["labels"]], "signal": np.array(row["signal"])}
        for split, rows in corpus.items()
        for row in rows
    }


def write_report_labels(path, records):
    """A labels.parquet as the extraction writes it; `{record_id: (positive, uncertain, negative)}`, or fewer lists."""
    rows = [(record_id, *stated, *[[]] * (3 - len(stated))) for record_id, stated in records.items()]
    pd.DataFrame(rows, columns=["record_id", "positive", "uncertain", "negative"]).to_parquet(path)
    return path


def load_script(name):
    """A script as a module, wherever pytest was started, and under another name than the library `evaluate` has."""
    spec = importlib.util.spec_from_file_location(f"{name}_script", ROOT / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def text_encoder_dir(tmp_path_factory):
    """A random BERT, 32 wide, whose WordPiece vocabulary holds some words of the field; loads without the net."""
    import torch
    from transformers import BertConfig, BertModel

    folder = tmp_path_factory.mktemp("text_encoder")
    tokenizer = make_tokenizer()
    tokenizer.save_pretrained(folder)
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=64,
        initializer_range=0.2,
    )
    BertModel(config).save_pretrained(folder)
    return folder


def make_tokenizer():
    """WordPiece over some words of the field, with every letter as a fallback: no query becomes `[UNK]`.

    The words do not follow the terminology: the random weights, and so every score, would change with its size.
    """
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    characters = "abcdefghijklmnopqrstuvwxyz0123456789-/().,'"
    words = {"atrial", "block", "branch", "bundle", "fibrillation", "flutter", "infarction", "left", "normal", "sinus"}
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *characters, *(f"##{letter}" for letter in characters)]
    vocabulary = {piece: index for index, piece in enumerate([*pieces, *sorted(words)])}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.BertProcessing(
        ("[SEP]", vocabulary["[SEP]"]), ("[CLS]", vocabulary["[CLS]"])
    )
    special_tokens = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_max_length=64, **special_tokens)


# Encoders of a few thousand parameters for 10 s at 100 Hz.
TINY_ENCODERS = {
    "vit": {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64},
    "resnet": {"hidden_size": 32, "conv_channels": [8, 16, 24, 32]},
    "hybrid": {
        "hidden_size": 32,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "intermediate_size": 64,
        "conv_channels": [8, 16, 24, 32],
        "conv_strides": [5, 2, 2, 2],
    },
}


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
