"""LoRA adapters on frozen weights, through peft."""

import torch
from torch import nn
from transformers.pytorch_utils import Conv1D

from recipe_kb.schema import reasons
from recipe_kb.schema.base import Method, Precision
from recipe_kb.schema.recipe import Settings
from recipe_kb.training.multi_task import MultiTaskEncoder
from recipe_kb.training.unsupported import UnsupportedError

_DTYPES = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}


def base_dtype(precision: Precision, method: Method) -> torch.dtype:
    """Return the dtype that the base weights are stored in.

    Trained weights are float32, and `Trainer`'s autocast casts them per operation; frozen ones need no master copy.
    """
    return torch.float32 if method == "full" else _DTYPES[precision]


def add_lora(network: nn.Module, settings: Settings) -> nn.Module:
    """Freeze the network but for its classification heads, and put adapters on every linear layer.

    Args:
        network: From `build_network`; changed in place.
        settings: `lora_r`, `lora_alpha` and `lora_dropout` (0 where it is None).

    Returns:
        The peft network; of a multi-task encoder the same object, with adapters inside its encoder.

    Raises:
        UnsupportedError: The settings give no rank or no alpha.
    """
    from peft import LoraConfig, get_peft_model  # not before: most recipes do without it

    if settings.lora_r is None or settings.lora_alpha is None:
        raise UnsupportedError(reasons.NO_LORA)
    config = LoraConfig(
        r=settings.lora_r,
        lora_alpha=settings.lora_alpha,
        lora_dropout=settings.lora_dropout or 0.0,
        target_modules="all-linear",
        fan_in_fan_out=any(isinstance(module, Conv1D) for module in network.modules()),  # GPT-2 stores (in, out)
    )
    if isinstance(network, MultiTaskEncoder):
        network.encoder = get_peft_model(network.encoder, config)
    elif hasattr(network, "classifier"):
        config.task_type = "TOKEN_CLS"  # trains the classifier as it is, ...
        config.exclude_modules = ["classifier"]  # ... so that "all-linear" must leave it alone
        network = get_peft_model(network, config)
    else:
        config.task_type = "CAUSAL_LM"
        network = get_peft_model(network, config)
    for parameter in network.parameters():
        if parameter.requires_grad:
            # A half-precision head would get half-precision gradients, which the fp16 gradient scaler refuses.
            parameter.data = parameter.data.float()
    return network
