"""kb/models/ID.yaml: one neural network."""

from typing import Any, Literal

from pydantic import Field

from recipe_kb.schema.base import Record, Slug, Text


class Shape(Record):
    """The sizes that decide memory and compute; lengths in tokens."""

    hidden_size: int = Field(gt=0)
    num_layers: int = Field(gt=0)
    num_heads: int = Field(gt=0)
    num_kv_heads: int = Field(gt=0)
    head_dim: int = Field(gt=0)
    intermediate_size: int = Field(gt=0)
    vocab_size: int = Field(gt=0)
    gated_mlp: bool


class Parameters(Record):
    """Parameters counted on the meta device; None where transformers maps no such head."""

    base: int = Field(gt=0)
    masked_lm: int | None = None
    causal_lm: int | None = None
    image_text_to_text: int | None = None
    token_classification_9: int | None = None
    sequence_classification_2: int | None = None
    embeddings: int = Field(gt=0)


class FineTuning(Record):
    """The published starting point from which recipes of this network are derived.

    `learning_rate` belongs to `effective_batch_size`; a rule moves it to another one.
    `batch_sizes` and `learning_rates` are all that the authors searched, where they say so.
    """

    effective_batch_size: int = Field(gt=0)
    learning_rate: float = Field(gt=0, lt=1)
    num_train_epochs: int = Field(gt=0)
    batch_sizes: tuple[int, ...] = ()
    learning_rates: tuple[float, ...] = ()
    source: Slug
    note: Text | None = None


class Model(Record):
    """One network: hub id, the names people type, the values that build it without the hub, licence, sources.

    `max_length` is usable tokens (RoBERTa-like networks lose two positions to padding).
    `config` goes to `AutoConfig.for_model(**config)`.
    """

    hub_id: str = Field(pattern=r"^[^/]+/[^/]+$")
    aliases: tuple[str, ...]
    architecture: str
    family: Literal["encoder", "decoder"]
    languages: tuple[str, ...] = Field(min_length=1)
    shape: Shape
    max_length: int = Field(gt=0)
    config: dict[str, Any]
    default_attention: Literal["sdpa", "eager"]
    licence: str
    gated: bool
    published_parameters: str
    parameters: Parameters
    fine_tuning: FineTuning
    sources: tuple[Slug, ...] = Field(min_length=1)
    note: Text | None = None
