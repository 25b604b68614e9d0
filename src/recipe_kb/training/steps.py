"""What is kept of each optimizer step. No torch here: the judging process reads it too."""

from pydantic import ConfigDict

from recipe_kb.schema.evidence import Record


class Step(Record):
    """One optimizer step; over several micro-batches `loss` is their mean.

    `time_s` runs from the end of the step before, so that waiting for data is in it.
    `skipped` means that the fp16 gradient scaler saw an overflow and left the weights alone; its `grad_norm` is
    not finite then.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="constants")

    loss: float
    grad_norm: float
    time_s: float
    skipped: bool
