"""What the caller of a lint run says, over what the words around a configuration say."""

from dataclasses import dataclass

TRAP_VERSION = "5.23.0"
"""The transformers that the rules are about where none is installed and none is stated."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """Options of a run; None leaves it to the document.

    Attributes:
        gpu: Id of a GPU.
        model: Id of a model.
        max_length: Tokens per sample.
        tasks: How many training tasks.
        num_gpus: How many cards share the batch.
        transformers: Version whose arguments are meant.
    """

    gpu: str | None = None
    model: str | None = None
    max_length: int | None = None
    tasks: int | None = None
    num_gpus: int | None = None
    transformers: str = TRAP_VERSION

    @property
    def transformers_major(self) -> int:
        """First number of the version; that of `TRAP_VERSION` where it is no version."""
        first = self.transformers.partition(".")[0]
        return int(first) if first.isdecimal() else int(TRAP_VERSION.partition(".")[0])
