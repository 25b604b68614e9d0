"""The network and the batch of a spec, built with whatever transformers this process has.

Legend: B = sequences in a batch, L = tokens in a sequence.
"""

import contextlib
from collections.abc import Iterator
from typing import Any

import torch
import transformers

from accuracy.spec import CannotPredictError, RowSpec

AUTO_CLASS_OF = {
    "ForCausalLM": "AutoModelForCausalLM",
    "LMHeadModel": "AutoModelForCausalLM",
    "ForConditionalGeneration": "AutoModelForSeq2SeqLM",
    "ForMaskedLM": "AutoModelForMaskedLM",
    "ForSequenceClassification": "AutoModelForSequenceClassification",
    "ForTokenClassification": "AutoModelForTokenClassification",
    "ForQuestionAnswering": "AutoModelForQuestionAnswering",
}
"""Ending of a model class -> the auto class that builds it from a config."""
PER_SEQUENCE = "ForSequenceClassification"
"""Ending of the classes whose label is one number per sequence; all others here have one per token."""
DTYPE_OF = {"fp16": torch.float16, "bf16": torch.bfloat16}
"""Precision -> dtype of the weights, where it is not fp32."""


def build_model(spec: RowSpec) -> torch.nn.Module:
    """Build the network on the device of the surrounding context, in training mode.

    Raises:
        CannotPredictError: This version of transformers has no such class or no such attention.
    """
    ending = next((ending for ending in AUTO_CLASS_OF if spec.model_class.endswith(ending)), None)
    if ending is None:
        raise CannotPredictError(f"model class {spec.model_class} has none of the heads {', '.join(AUTO_CLASS_OF)}")
    auto = getattr(transformers, AUTO_CLASS_OF[ending])
    with default_dtype(DTYPE_OF.get(spec.precision, torch.float32)):
        try:
            config = transformers.AutoConfig.for_model(spec.model_type, **spec.config)
            model: torch.nn.Module = auto.from_config(config, attn_implementation=spec.attention)
        except (ImportError, ValueError) as error:  # how transformers refuses a model type or an attention
            raise CannotPredictError(f"transformers {transformers.__version__}: {error}") from error
    if type(model).__name__ != spec.model_class:
        raise CannotPredictError(f"{AUTO_CLASS_OF[ending]} builds {type(model).__name__}, not {spec.model_class}")
    return model.train()


def batch_of(spec: RowSpec, length: int) -> dict[str, Any]:
    """Make one batch: ids int64[B, L], mask int64[B, L] if the run passed one, labels int64[B, L] or int64[B]."""
    ids = torch.zeros(spec.batch, length, dtype=torch.long)
    labels = ids[:, 0] if spec.model_class.endswith(PER_SEQUENCE) else ids
    batch = {"input_ids": ids, "labels": labels.clone()}
    return batch | {"attention_mask": torch.ones_like(ids)} if spec.attention_mask else batch


@contextlib.contextmanager
def default_dtype(dtype: torch.dtype) -> Iterator[None]:
    """Make new floating point tensors of this dtype."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(before)
