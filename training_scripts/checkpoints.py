"""Checkpoints that load anywhere."""

from pathlib import Path
from typing import Any, cast

from accelerate import Accelerator
from accelerate.utils import DistributedType
from torch.distributed.checkpoint.state_dict import StateDictOptions, get_model_state_dict

from modeling_supreme import TASK
from modeling_supreme.modeling_supreme import SupremeModel
from modeling_supreme.modeling_supreme_ecg import SupremeForEcgClassification
from modeling_supreme.pipeline_zero_shot_ecg import ZeroShotEcgClassificationPipeline


def save_checkpoint(model: SupremeModel | SupremeForEcgClassification, processor: Any, output_dir: str | Path) -> None:
    """Write weights, configuration, processor and the code that reads them.

    `AutoModel` and `pipeline`, or of a classifier `AutoModelForSequenceClassification`, load the folder with
    `trust_remote_code=True` where this package is not installed.

    Args:
        model (`SupremeModel` or `SupremeForEcgClassification`):
            What to save; weights become safetensors.
        processor (`SupremeProcessor` or `ClassifierProcessor`):
            Its processor.
        output_dir (`str` or `Path`):
            Folder to write.
    """
    if isinstance(model, SupremeForEcgClassification):
        model.save_pretrained(output_dir)
        processor.save_pretrained(output_dir)
        return
    pipeline = ZeroShotEcgClassificationPipeline(
        model=model, feature_extractor=processor.feature_extractor, tokenizer=processor.tokenizer, task=TASK
    )
    pipeline.save_pretrained(output_dir)
    processor.save_pretrained(output_dir)


def collect_model(accelerator: Accelerator, model: Any) -> Any:
    """The model without what `accelerator.prepare` put around it; of a sharded one a copy, on the main process."""
    unwrapped = accelerator.unwrap_model(model, keep_torch_compile=False)
    if accelerator.distributed_type != DistributedType.FSDP:
        return unwrapped
    weights = get_model_state_dict(model, options=StateDictOptions(full_state_dict=True, cpu_offload=True))
    if not accelerator.is_main_process:
        return unwrapped
    copy = type(unwrapped)(unwrapped.config)
    copy.load_state_dict(cast(Any, weights))
    return copy
