"""What all records share."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Slug = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.\-]*$")]
"""An id as people type it: lower case, digits, hyphens, dots."""

Method = Literal["full", "lora", "qlora"]
Goal = Literal["quality", "balanced", "speed"]
Precision = Literal["fp32", "fp16", "bf16"]
TaskMixing = Literal["interleaved", "joint"]
Origin = Literal["guide", "published", "derived", "tuned"]
Status = Literal["measured", "emulated", "predicted", "reported", "refuted"]


class Record(BaseModel):
    """A frozen record that refuses keys it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)


class Text(Record):
    """One sentence or more in both languages."""

    en: str = Field(min_length=1)
    vi: str = Field(min_length=1)

    def get(self, language: str) -> str:
        """Return the text in `en` or `vi`."""
        return self.vi if language == "vi" else self.en
