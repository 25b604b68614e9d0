"""What all records share: frozen dataclasses that pydantic validates, without pydantic at import time.

`kb recipe` must answer before a person notices, and building pydantic classes takes longer than all the rest.
So a record is a standard dataclass; `store.strict` accepts a correct file at once, and pydantic is the judge,
and the author of every message, as soon as anything is odd. See docs/adr/0002-records.md.
"""

import dataclasses
import re
from typing import Annotated, Any, Literal, TypeVar, dataclass_transform

RecordType = TypeVar("RecordType")


@dataclass_transform(frozen_default=True, kw_only_default=True)
def record(cls: type[RecordType]) -> type[RecordType]:
    """Make a frozen, keyword-only dataclass that refuses keys it does not know.

    Only `__init__` is made for the class. The standard library would compile five methods for each of thirty records,
    and a start would take a tenth longer; what is the same for all records is written once, below.
    """
    cls.__pydantic_config__ = {"extra": "forbid"}  # type: ignore[attr-defined]
    made = dataclasses.dataclass(kw_only=True, repr=False, eq=False)(cls)
    made.__setattr__, made.__delattr__ = _set_once, _keep  # type: ignore[method-assign]
    made.__eq__, made.__hash__ = _equal, _hash  # type: ignore[method-assign]
    return made


def _set_once(self: Any, name: str, value: Any) -> None:
    if name in self.__dict__ or name not in self.__dataclass_fields__:
        raise dataclasses.FrozenInstanceError(f"cannot assign to field {name!r}")
    self.__dict__[name] = value


def _keep(_self: Any, name: str) -> None:
    raise dataclasses.FrozenInstanceError(f"cannot delete field {name!r}")


def _equal(self: Any, other: object) -> bool:
    return other.__class__ is self.__class__ and bool(self.__dict__ == other.__dict__)


def _hash(self: Any) -> int:
    return hash(tuple([self.__dict__[name] for name in self.__dataclass_fields__]))


class Limits:
    """Bounds of a number, or length and form of a text; kept by pydantic and by `store.strict` alike."""

    def __init__(
        self,
        *,
        gt: float | None = None,
        ge: float | None = None,
        lt: float | None = None,
        min_length: int | None = None,
        pattern: str | None = None,
    ) -> None:
        self.gt, self.ge, self.lt, self.min_length, self.pattern = gt, ge, lt, min_length, pattern

    def hold(self, value: Any) -> bool:
        """Say whether a value of the right type is within the limits."""
        return (
            (self.gt is None or value > self.gt)
            and (self.ge is None or value >= self.ge)
            and (self.lt is None or value < self.lt)
            and (self.min_length is None or len(value) >= self.min_length)
            and (self.pattern is None or re.search(self.pattern, value) is not None)
        )

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> Any:
        """Add the limits to pydantic's own schema; numbers are strict, so that `"8"` is not 8."""
        schema = handler(source)
        schema.update({name: limit for name, limit in vars(self).items() if limit is not None})
        if schema["type"] == "int":
            schema["strict"] = True
        return schema


Positive = Annotated[int, Limits(gt=0)]
Slug = Annotated[str, Limits(pattern=r"^[a-z0-9][a-z0-9.\-]*$")]
"""An id as people type it: lower case, digits, hyphens, dots."""
NonEmpty = Annotated[str, Limits(min_length=1)]

Method = Literal["full", "lora", "qlora"]
Goal = Literal["quality", "balanced", "speed"]
Precision = Literal["fp32", "fp16", "bf16"]
Optimizer = Literal["adamw_torch", "adamw_torch_fused", "adamw_bnb_8bit", "paged_adamw_8bit", "adafactor", "sgd"]
Scheduler = Literal[
    "linear", "cosine", "constant", "constant_with_warmup", "polynomial", "inverse_sqrt", "cosine_with_restarts"
]
Attention = Literal["eager", "sdpa", "flash_attention_2", "flex_attention"]
Parallel = Literal["ddp", "fsdp"]
"""How several GPUs share the work: `ddp` keeps the whole network on each, `fsdp` a part of it on each."""
TaskMixing = Literal["interleaved", "joint"]
Origin = Literal["guide", "published", "derived", "tuned"]
Status = Literal["measured", "emulated", "predicted", "reported", "refuted"]


@record
class Text:
    """One sentence or more in both languages."""

    en: NonEmpty
    vi: NonEmpty

    def get(self, language: str) -> str:
        """Return the text in `en` or `vi`."""
        return self.vi if language == "vi" else self.en
