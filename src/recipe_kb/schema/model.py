"""kb/models/ID.yaml: one neural network."""

from typing import Annotated, Any, Literal

from recipe_kb.schema.base import Limits, Positive, Scheduler, Slug, Text, record


@record
class Shape:
    """The sizes that decide memory and compute; lengths in tokens."""

    hidden_size: Positive
    num_layers: Positive
    num_heads: Positive
    num_kv_heads: Positive
    head_dim: Positive
    intermediate_size: Positive
    vocab_size: Positive
    gated_mlp: bool


@record
class Parameters:
    """Parameters counted on the meta device; None where transformers maps no such head."""

    base: Positive
    masked_lm: int | None = None
    causal_lm: int | None = None
    image_text_to_text: int | None = None
    token_classification_9: int | None = None
    sequence_classification_2: int | None = None
    embeddings: Positive

    @property
    def trained(self) -> int:
        """What fine-tuning holds: a decoder with its language-model head, an encoder without any head."""
        return self.causal_lm or self.image_text_to_text or self.base


@record
class FineTuning:
    """The published starting point from which recipes of this model are derived.

    `learning_rate` belongs to `effective_batch_size`; a rule moves it to another one.
    Schedule and warm-up are None where the authors do not say.
    `batch_sizes` and `learning_rates` are all that the authors searched, where they say so.
    """

    effective_batch_size: Positive
    learning_rate: Annotated[float, Limits(gt=0, lt=1)]
    num_train_epochs: Positive
    lr_scheduler_type: Scheduler | None = None
    warmup_ratio: Annotated[float, Limits(ge=0, lt=1)] | None = None
    batch_sizes: tuple[int, ...] = ()
    learning_rates: tuple[float, ...] = ()
    source: Slug
    note: Text | None = None


@record
class Model:
    """One model: hub id, the names people type, the values that build it without the hub, licence, sources.

    `max_length` is usable tokens (RoBERTa-like models lose two positions to padding).
    `overflows_in_fp16`: activations leave fp16's range, so a card without bf16 must train it in fp32.
    `config` goes to `AutoConfig.for_model(**config)`.
    """

    hub_id: Annotated[str, Limits(pattern=r"^[^/]+/[^/]+$")]
    aliases: tuple[str, ...]
    architecture: str
    family: Literal["encoder", "decoder"]
    languages: Annotated[tuple[str, ...], Limits(min_length=1)]
    shape: Shape
    max_length: Positive
    config: dict[str, Any]
    overflows_in_fp16: bool = False
    default_attention: Literal["sdpa", "eager"]
    licence: str
    gated: bool
    published_parameters: str
    parameters: Parameters
    fine_tuning: FineTuning
    sources: Annotated[tuple[Slug, ...], Limits(min_length=1)]
    note: Text | None = None
