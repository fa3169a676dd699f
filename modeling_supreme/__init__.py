"""Zero-shot ECG classification by supervised pretraining: models, processor and pipeline.

Importing this package makes `AutoModel`, `AutoProcessor` and `pipeline("zero-shot-ecg-classification")` know them.
"""

from transformers import (
    AutoConfig,
    AutoFeatureExtractor,
    AutoModel,
    AutoModelForSequenceClassification,
    AutoProcessor,
)
from transformers.pipelines import PIPELINE_REGISTRY

from .configuration_supreme import ECG_PRESETS, SupremeConfig, SupremeEcgConfig
from .feature_extraction_supreme import SupremeEcgFeatureExtractor
from .leads import STANDARD_LEADS
from .modeling_supreme import SupremeModel
from .modeling_supreme_ecg import SupremeEcgModel, SupremeForEcgClassification
from .pipeline_zero_shot_ecg import ZeroShotEcgClassificationPipeline
from .processing_supreme import SupremeProcessor


__all__ = [
    "ECG_PRESETS",
    "STANDARD_LEADS",
    "SupremeConfig",
    "SupremeEcgConfig",
    "SupremeEcgFeatureExtractor",
    "SupremeEcgModel",
    "SupremeForEcgClassification",
    "SupremeModel",
    "SupremeProcessor",
    "ZeroShotEcgClassificationPipeline",
]

__version__ = "0.1.0"

TASK = "zero-shot-ecg-classification"

for _config_class, _model_class in ((SupremeEcgConfig, SupremeEcgModel), (SupremeConfig, SupremeModel)):
    AutoConfig.register(_config_class.model_type, _config_class)
    AutoModel.register(_config_class, _model_class)
    _config_class.register_for_auto_class()
    _model_class.register_for_auto_class("AutoModel")
    AutoFeatureExtractor.register(_config_class, SupremeEcgFeatureExtractor)
# A strip is a sequence of tokens; transformers has no class for the classification of time series
AutoModelForSequenceClassification.register(SupremeEcgConfig, SupremeForEcgClassification)
SupremeForEcgClassification.register_for_auto_class("AutoModelForSequenceClassification")
AutoProcessor.register(SupremeConfig, SupremeProcessor)
SupremeEcgFeatureExtractor.register_for_auto_class("AutoFeatureExtractor")
SupremeProcessor.register_for_auto_class("AutoProcessor")
PIPELINE_REGISTRY.register_pipeline(
    TASK, pipeline_class=ZeroShotEcgClassificationPipeline, pt_model=AutoModel, type="multimodal"
)
