"""`import modeling_supreme` costs next to nothing, and transformers knows our classes whichever is loaded first."""

import json
import subprocess
import sys
from importlib.machinery import SourceFileLoader

import pytest
from helpers.forked_python import run_forked
from helpers.repository import ROOT

import modeling_supreme
from modeling_supreme.registration import LoadWatcher


HEAVY = {
    *("torch", "transformers", "datasets", "accelerate", "numpy", "scipy", "pandas", "pyarrow", "sklearn"),
    *("matplotlib", "PIL", "wfdb", "huggingface_hub", "evaluate", "h5py", "ecgdatakit", "dask"),
}
IS_PIPELINE_KNOWN = "from transformers.pipelines import PIPELINE_REGISTRY; PIPELINE_REGISTRY.check_task(ours.TASK)"


def run(code):
    """Run lines in a process of their own; what the last of them prints."""
    done = run_forked("-c", code)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def test_importing_the_package_loads_no_library():
    code = "import sys, modeling_supreme, json; print(json.dumps(list(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = json.loads(done.stdout)

    assert {name.partition(".")[0] for name in loaded} & HEAVY == set()
    assert len(loaded) < 200  # 3,138 when every class was loaded at once


@pytest.mark.slow
@pytest.mark.parametrize(
    "code",
    [
        "import modeling_supreme as ours; from transformers import AutoConfig\n"
        "assert AutoConfig.for_model('supreme_ecg').__class__ is ours.SupremeEcgConfig",
        "from transformers import AutoModel; import modeling_supreme as ours\n"
        "assert AutoModel._model_mapping[ours.SupremeConfig] is ours.SupremeModel",
        "import modeling_supreme.modeling_supreme as m; from transformers import AutoModel\n"
        "assert AutoModel._model_mapping[m.SupremeConfig] is m.SupremeModel",
        f"import modeling_supreme as ours; {IS_PIPELINE_KNOWN}",
        f"from transformers import pipeline; import modeling_supreme as ours; {IS_PIPELINE_KNOWN}",
        f"import modeling_supreme.pipeline_zero_shot_ecg, modeling_supreme as ours; {IS_PIPELINE_KNOWN}",
    ],
    ids=["before a registry", "after it", "a module alone", "before pipelines", "after them", "the pipeline alone"],
)
def test_transformers_knows_our_classes(code):
    run(code)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("module", "name", "auto_class"),
    [
        ("modeling_supreme_ecg", "SupremeEcgModel", "AutoModel"),
        ("processing_supreme", "SupremeProcessor", "AutoProcessor"),
        ("configuration_supreme", "SupremeConfig", "AutoConfig"),
    ],
)
def test_code_travels_with_a_class_that_no_auto_class_was_asked_for(module, name, auto_class):
    said = run(f"from modeling_supreme.{module} import {name}; print({name}._auto_class)")

    assert said.split() == [auto_class]


class TestNames:
    @pytest.mark.parametrize("name", modeling_supreme.__all__)
    def test_every_public_name_is_there(self, name):
        assert getattr(modeling_supreme, name) is not None
        assert name in dir(modeling_supreme)

    def test_another_name_is_not(self):
        with pytest.raises(AttributeError, match="'modeling_supreme' has no attribute 'SupremeTokenizer'"):
            _ = modeling_supreme.SupremeTokenizer


class TestWatcher:
    """On made-up modules `shop` and `goods`, of which `goods` loads `shop` in its first line."""

    @pytest.fixture
    def watcher(self, tmp_path, monkeypatch):
        (tmp_path / "shop.py").write_text("is_open = True\n", encoding="utf-8")
        (tmp_path / "goods.py").write_text("import shop\nprice = 5\n", encoding="utf-8")
        watcher = LoadWatcher()
        monkeypatch.syspath_prepend(tmp_path)
        monkeypatch.setattr(sys, "meta_path", [watcher, *sys.meta_path])
        for name in ("shop", "goods"):
            monkeypatch.delitem(sys.modules, name, raising=False)
        yield watcher
        for name in ("shop", "goods"):
            sys.modules.pop(name, None)

    @pytest.fixture
    def prices(self, watcher):
        """What is registered: the price of goods, once either module is loaded."""
        prices = []
        watcher.add(["shop", "goods"], lambda: prices.append(__import__("goods").price))
        return prices

    def test_nothing_is_registered_before(self, prices):
        assert prices == []

    @pytest.mark.parametrize("names", [["shop"], ["goods"], ["shop", "goods"], ["goods", "shop"]])
    def test_it_is_registered_once_in_any_order(self, prices, names):
        for name in names:
            __import__(name)

        assert prices == [5]

    def test_what_is_loaded_already_is_registered_at_once(self, watcher):
        __import__("goods")
        prices = []

        watcher.add(["shop"], lambda: prices.append("at once"))

        assert prices == ["at once"]

    @pytest.mark.usefixtures("prices")
    def test_a_loaded_module_has_its_own_loader(self):
        shop = __import__("shop")

        assert type(shop.__loader__) is type(shop.__spec__.loader) is SourceFileLoader
