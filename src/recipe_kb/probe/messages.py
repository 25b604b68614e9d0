"""What parent and child say to each other: one JSON object a line, each way."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from recipe_kb.probe.plan import Device
from recipe_kb.probe.request import ProbeRequest
from recipe_kb.schema import reasons
from recipe_kb.schema.evidence import Record, Verdict
from recipe_kb.training.steps import Step


class Task(Record):
    """To the child, one line: what to probe, and a folder that is its own to fill and to remove."""

    request: ProbeRequest
    scratch: Path


class Telemetry(Record):
    """What the counters say at the end; `not_measured` says of each None why it is one."""

    peak_allocated_bytes: int | None = None
    peak_reserved_bytes: int | None = None
    device_used_bytes: int | None = None
    process_peak_rss_bytes: int | None = None
    num_alloc_retries: int | None = None
    not_measured: dict[str, str] = Field(default_factory=dict)


Failure = Literal["oom", "unsupported", "crash"]
"""What a child can still report of itself; a crash only of processes that it started. Any other end is read from its
exit."""


class Started(Record):
    """From the child, first: where it will train."""

    event: Literal["started"] = "started"
    device: Device
    gpu_name: str | None
    fingerprint: dict[str, Any]


class Progress(Record):
    """From the child after each optimizer step. A loss may be NaN, so JSON's constants are in use here."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="constants")

    event: Literal["progress"] = "progress"
    step: int
    loss: float


class RankEnd(Record):
    """What became of one process of several; `verdict` is None where it was ended because another one had failed."""

    rank: int
    pid: int | None
    gpu_name: str | None
    verdict: Verdict | None
    reason: str | None
    steps: tuple[Step, ...] = ()
    telemetry: Telemetry = Telemetry()


class Finished(Record):
    """From the child, last: what it measured until the end, or until `failure`.

    `num_body_parameters` counts the network without its embeddings; None if it was never built.
    `clock` is what timed the steps. `ranks` are the processes that it started, where several train together: then
    the steps are those of all, each as long as the slowest took, and the telemetry is the highest of any.
    """

    event: Literal["finished"] = "finished"
    failure: Failure | None = None
    reason: str | None = None
    steps: tuple[Step, ...] = ()
    telemetry: Telemetry = Telemetry()
    attention: str | None = None
    num_body_parameters: int | None = None
    clock: Literal["cuda-events", "host"] = "host"
    ranks: tuple[RankEnd, ...] = ()


Message = Started | Progress | Finished

_MESSAGE: TypeAdapter[Message] = TypeAdapter(Annotated[Message, Field(discriminator="event")])


class UnreadableLineError(Exception):
    """Something on the stream is no message."""


def parse(line: str) -> Message:
    """Read one line of the child's stream.

    Raises:
        UnreadableLineError: It is no message.
    """
    try:
        return _MESSAGE.validate_json(line)
    except ValidationError as error:
        raise UnreadableLineError(f"{reasons.UNREADABLE}: {line.strip()[:200]!r}") from error
