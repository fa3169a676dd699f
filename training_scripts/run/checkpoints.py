"""The model of a run, ready to be saved."""

from typing import Any, cast

from accelerate import Accelerator
from accelerate.utils import DistributedType
from torch.distributed.checkpoint.state_dict import StateDictOptions, get_model_state_dict


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
