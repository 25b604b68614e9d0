"""What runs on a node: the probe, in its child process as anywhere, and a look at what the node is."""

import os
import platform
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from recipe_kb import __version__
from recipe_kb.fleet.order import Delivery, NodeFacts, Order
from recipe_kb.probe.environ import visible_devices
from recipe_kb.probe.fingerprint import PACKAGES, package_version
from recipe_kb.probe.ladder import walk
from recipe_kb.probe.request import ProbeRequest
from recipe_kb.probe.run import probe
from recipe_kb.schema.evidence import Evidence


def carry_out(order_json: str) -> str:
    """Train one recipe here.

    Args:
        order_json: An `Order`.

    Returns:
        A `Delivery`, whatever became of the training: that is a verdict.
    """
    order = Order.model_validate_json(order_json)
    request = fitted(order.request, gpu_names())
    if request.device == "cuda":
        # Ray sets it to the cores that it counts for the task, which for one on a GPU is one.
        os.environ.pop("OMP_NUM_THREADS", None)

    def measure(asked: ProbeRequest) -> Evidence:
        return probe(asked, command=order.command)

    runs = []
    with interrupted_once():
        for _repeat in range(order.repeats):
            evidence = measure(request)
            if order.ladder and evidence.verdict == "oom":
                evidence = walk(request, evidence, probe=measure)
            runs.append(evidence)
    return Delivery(host=platform.node(), runs=tuple(runs)).model_dump_json(by_alias=True)


@contextmanager
def interrupted_once() -> Iterator[None]:
    """Let the first Ctrl-C through and no further one: a cancel is repeated, and must not break off the cleaning up."""
    if threading.current_thread() is not threading.main_thread():  # only there is anything interrupted
        yield
        return

    def let_through(_signal: int, _frame: object) -> None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, let_through)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def fitted(request: ProbeRequest, names: tuple[str, ...]) -> ProbeRequest:
    """Take back what was assumed of the card, where it is another: nothing is then measured against it.

    Args:
        request: As the driver made it, for the card that the recipe names.
        names: The GPUs of this node, in the order of NVML.
    """
    if request.device != "cuda" or request.emulation is not None or not request.gpu_names:
        return request
    shown = [
        names[int(name)]
        for name in visible_devices(request.key.num_gpus)
        if name.isdecimal() and int(name) < len(names)
    ]
    if shown and set(shown) <= set(request.gpu_names):
        return request
    return request.model_copy(update={"gpu_names": (), "peak_tflops": None, "predicted_reserved_bytes": None})


def look() -> str:
    """Return the `NodeFacts` of this node."""
    versions = {"recipe_kb": __version__, **{name: package_version(name) for name in PACKAGES}}
    return NodeFacts(host=platform.node(), gpu_names=gpu_names(), versions=versions).model_dump_json()


def gpu_names() -> tuple[str, ...]:
    """Return what NVML calls the GPUs of this machine; nothing where there is no NVML."""
    try:
        import pynvml

        pynvml.nvmlInit()
    except Exception:  # noqa: BLE001 - no package, no driver, no card: no GPU in any case
        return ()
    try:
        count = pynvml.nvmlDeviceGetCount()
        return tuple(str(pynvml.nvmlDeviceGetName(pynvml.nvmlDeviceGetHandleByIndex(index))) for index in range(count))
    except pynvml.NVMLError:
        return ()
    finally:
        pynvml.nvmlShutdown()
