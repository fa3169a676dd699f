"""Zero-shot ECG classification by supervised pretraining: models, processor and pipeline.

Importing this package makes `AutoModel`, `AutoProcessor` and `pipeline("zero-shot-ecg-classification")` know them. It
loads neither torch nor transformers: a name of this package is loaded when it is asked for, and classes are registered
when transformers loads the registry.
"""

import importlib
import sys
from typing import TYPE_CHECKING, Any

from .registration import DEFAULT_FOLDER, LoadWatcher, default_checkpoint


if TYPE_CHECKING:
    from .configuration_melp import MelpConfig
    from .configuration_supreme import ECG_PRESETS, SupremeConfig, SupremeEcgConfig
    from .ecg_index.index import EcgIndex
    from .feature_extraction_supreme import SupremeEcgFeatureExtractor
    from .leads import STANDARD_LEADS
    from .modeling_melp import MelpModel
    from .modeling_supreme import SupremeModel
    from .modeling_supreme_ecg import SupremeEcgModel, SupremeForEcgClassification
    from .pipeline_zero_shot_ecg import ZeroShotEcgClassificationPipeline
    from .processing_supreme import SupremeProcessor


__all__ = [
    "ECG_PRESETS",
    "STANDARD_LEADS",
    "EcgIndex",
    "MelpConfig",
    "MelpModel",
    "SupremeConfig",
    "SupremeEcgConfig",
    "SupremeEcgFeatureExtractor",
    "SupremeEcgModel",
    "SupremeForEcgClassification",
    "SupremeModel",
    "SupremeProcessor",
    "ZeroShotEcgClassificationPipeline",
    "default_checkpoint",
]

__version__ = "0.2.0"

TASK = "zero-shot-ecg-classification"
REPORT_TASK = "ecg-report-generation"

_MODULES = {
    "ECG_PRESETS": "configuration_supreme",
    "EcgIndex": "ecg_index.index",
    "MelpConfig": "configuration_melp",
    "MelpModel": "modeling_melp",
    "STANDARD_LEADS": "leads",
    "SupremeConfig": "configuration_supreme",
    "SupremeEcgConfig": "configuration_supreme",
    "SupremeEcgFeatureExtractor": "feature_extraction_supreme",
    "SupremeEcgModel": "modeling_supreme_ecg",
    "SupremeForEcgClassification": "modeling_supreme_ecg",
    "SupremeModel": "modeling_supreme",
    "SupremeProcessor": "processing_supreme",
    "ZeroShotEcgClassificationPipeline": "pipeline_zero_shot_ecg",
}


def __getattr__(name: str) -> Any:
    """A public name, whose module is loaded when it is first asked for."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f".{_MODULES[name]}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """The public names, loaded or not."""
    return sorted({*globals(), *__all__})


def _register_configurations() -> None:
    from transformers import AutoConfig

    from .configuration_melp import MelpConfig
    from .configuration_supreme import SupremeConfig, SupremeEcgConfig

    for config_class in (SupremeEcgConfig, SupremeConfig, MelpConfig):
        AutoConfig.register(config_class.model_type, config_class)
        config_class.register_for_auto_class()


def _register_models() -> None:
    from transformers import AutoModel, AutoModelForSequenceClassification

    from .configuration_melp import MelpConfig
    from .configuration_supreme import SupremeConfig, SupremeEcgConfig
    from .modeling_melp import MelpModel
    from .modeling_supreme import SupremeModel
    from .modeling_supreme_ecg import SupremeEcgModel, SupremeForEcgClassification

    for config_class, model_class in (
        (SupremeEcgConfig, SupremeEcgModel),
        (SupremeConfig, SupremeModel),
        (MelpConfig, MelpModel),
    ):
        AutoModel.register(config_class, model_class)
        model_class.register_for_auto_class("AutoModel")
    # A strip is a sequence of tokens; transformers has no class for the classification of time series
    AutoModelForSequenceClassification.register(SupremeEcgConfig, SupremeForEcgClassification)
    SupremeForEcgClassification.register_for_auto_class("AutoModelForSequenceClassification")


def _register_feature_extractor() -> None:
    from transformers import AutoFeatureExtractor

    from .configuration_melp import MelpConfig
    from .configuration_supreme import SupremeConfig, SupremeEcgConfig
    from .feature_extraction_supreme import SupremeEcgFeatureExtractor

    for config_class in (SupremeEcgConfig, SupremeConfig, MelpConfig):
        AutoFeatureExtractor.register(config_class, SupremeEcgFeatureExtractor)
    SupremeEcgFeatureExtractor.register_for_auto_class("AutoFeatureExtractor")


def _register_processor() -> None:
    from transformers import AutoProcessor

    from .configuration_melp import MelpConfig
    from .configuration_supreme import SupremeConfig
    from .processing_supreme import SupremeProcessor

    for config_class in (SupremeConfig, MelpConfig):
        AutoProcessor.register(config_class, SupremeProcessor)
    SupremeProcessor.register_for_auto_class("AutoProcessor")


def _register_pipeline() -> None:
    from transformers import AutoModel
    from transformers.pipelines import PIPELINE_REGISTRY

    from .pipeline_zero_shot_ecg import ZeroShotEcgClassificationPipeline
    from .report_drafts.pipeline import EcgReportGenerationPipeline

    for task, pipeline_class, default in (
        (TASK, ZeroShotEcgClassificationPipeline, {"model": (str(DEFAULT_FOLDER), "main")}),
        (REPORT_TASK, EcgReportGenerationPipeline, None),
    ):
        PIPELINE_REGISTRY.register_pipeline(
            task, pipeline_class=pipeline_class, pt_model=AutoModel, default=default, type="multimodal"
        )


_watcher = LoadWatcher()
sys.meta_path.insert(0, _watcher)
for _registry, _own, _register in (
    ("models.auto.configuration_auto", ("configuration_supreme", "configuration_melp"), _register_configurations),
    (
        "models.auto.modeling_auto",
        ("checkpoints", "modeling_supreme", "modeling_supreme_ecg", "modeling_melp"),
        _register_models,
    ),
    ("models.auto.feature_extraction_auto", ("feature_extraction_supreme",), _register_feature_extractor),
    ("models.auto.processing_auto", ("processing_supreme",), _register_processor),
    ("pipelines", ("pipeline_zero_shot_ecg",), _register_pipeline),
):
    _watcher.add([f"transformers.{_registry}", *(f"{__name__}.{_module}" for _module in _own)], _register)
