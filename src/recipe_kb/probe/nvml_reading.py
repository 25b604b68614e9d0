"""One reading of a GPU through NVML: every value alone, so that one that fails costs no other."""

import os
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

from recipe_kb.probe.environ import visible_devices

Question = Sequence[Callable[[], Any]]
"""Ways to ask for one value, newest first: an old driver lacks the new one, a new driver drops the old one."""

THROTTLE_NAMES = {
    0x002: "applications_clocks_setting",
    0x004: "sw_power_cap",
    0x008: "hw_slowdown",
    0x010: "sync_boost",
    0x020: "sw_thermal",
    0x040: "hw_thermal",
    0x080: "hw_power_brake",
    0x100: "display_clocks_setting",
    0x200: "board_limit",
    0x400: "reliability",
}
"""Bits of nvmlClocksEventReasons; idling, 0x001, is no reason to be slow."""

IDLE = 0x001

FUNCTION_NOT_FOUND = 13
"""`NVML_ERROR_FUNCTION_NOT_FOUND`."""


@dataclass(frozen=True, kw_only=True)
class GpuProcess:
    """A process that computes on the GPU, by the id that the driver gives it, which in a container may be the host's.

    `group` is its process group; None where this process sees no process of that id.
    """

    pid: int
    group: int | None
    used_bytes: int | None


@dataclass(frozen=True, kw_only=True)
class Reading:
    """What NVML said at one moment of `time.monotonic()`; `errors` says of each None why it is one."""

    time_s: float
    kernel_time_share: float | None = None
    power_w: float | None = None
    sm_clock_mhz: float | None = None
    temperature_c: float | None = None
    throttle_reasons: frozenset[str] | None = None
    device_used_bytes: int | None = None
    processes: tuple[GpuProcess, ...] | None = None
    errors: Mapping[str, str]


def find_device(nvml: Any, visible: str) -> Any:
    """Find the GPU that CUDA will use.

    Args:
        nvml: The module, initialised.
        visible: As in CUDA_VISIBLE_DEVICES, one entry: an index in the order of the bus, or the start of a UUID.

    Returns:
        NVML's handle.

    Raises:
        Exception: Whatever NVML raises; ValueError where the entry names no GPU.
    """
    if visible.isdecimal():
        return nvml.nvmlDeviceGetHandleByIndex(int(visible))
    if visible.startswith("MIG-"):
        return nvml.nvmlDeviceGetHandleByUUID(visible)
    if visible.startswith("GPU-"):
        handles = [nvml.nvmlDeviceGetHandleByIndex(index) for index in range(nvml.nvmlDeviceGetCount())]
        found = [handle for handle in handles if nvml.nvmlDeviceGetUUID(handle).startswith(visible)]
        if len(found) == 1:
            return found[0]
    raise ValueError(f"CUDA_VISIBLE_DEVICES names no GPU: {visible!r}")


def shown_devices(nvml: Any) -> list[Any]:
    """Return the GPUs that CUDA shows, in its order, as far as both count by the bus.

    Args:
        nvml: The module, initialised.

    Returns:
        NVML's handles; all of them where CUDA_VISIBLE_DEVICES is not set.

    Raises:
        Exception: Whatever NVML raises; ValueError where an entry names no GPU.
    """
    count = int(nvml.nvmlDeviceGetCount())
    shown = takewhile(lambda name: name not in {"", "-1"}, visible_devices(count))  # CUDA stops reading there too
    return [find_device(nvml, name) for name in shown]


def questions(nvml: Any, handle: Any) -> dict[str, Question]:
    """Return how to ask NVML for each value of a `Reading`."""
    return {
        "kernel_time_share": (lambda: nvml.nvmlDeviceGetUtilizationRates(handle).gpu / 100,),
        "power_w": (lambda: nvml.nvmlDeviceGetPowerUsage(handle) / 1000,),
        "sm_clock_mhz": (lambda: float(nvml.nvmlDeviceGetClockInfo(handle, nvml.NVML_CLOCK_SM)),),
        "temperature_c": (
            lambda: float(nvml.nvmlDeviceGetTemperatureV(handle, nvml.NVML_TEMPERATURE_GPU)),
            lambda: float(nvml.nvmlDeviceGetTemperature(handle, nvml.NVML_TEMPERATURE_GPU)),
        ),
        "throttle_reasons": (
            lambda: _throttle_names(nvml.nvmlDeviceGetCurrentClocksEventReasons(handle)),
            lambda: _throttle_names(nvml.nvmlDeviceGetCurrentClocksThrottleReasons(handle)),
        ),
        "device_used_bytes": (lambda: int(nvml.nvmlDeviceGetMemoryInfo(handle).used),),
        "processes": (
            lambda: _processes(nvml.nvmlDeviceGetComputeRunningProcesses_v3(handle)),
            lambda: _processes(nvml.nvmlDeviceGetComputeRunningProcesses_v2(handle)),
        ),
    }


def read(asked: Mapping[str, Question]) -> Reading:
    """Ask for all values.

    Returns:
        The answers; what NVML refuses is None, with its words.
    """
    now = time.monotonic()
    errors: dict[str, str] = {}
    values = {name: ask(name, question, errors) for name, question in asked.items()}
    return Reading(time_s=now, errors=errors, **values)


def ask(name: str, question: Question, errors: dict[str, str]) -> Any:
    """Return the first answer; None if there is none, and then `errors` holds why, of a way that exists if any does."""
    refused: list[Exception] = []
    for way in question:
        try:
            return way()
        except Exception as error:  # noqa: BLE001 - not supported, forbidden, of another version, gone: all the same here
            refused.append(error)
    errors[name] = f"NVML: {min(refused, key=_is_unknown_way)}"
    return None


def _is_unknown_way(error: Exception) -> bool:
    """Tell whether the driver, or the package, does not have the function at all."""
    return isinstance(error, AttributeError) or getattr(error, "value", None) == FUNCTION_NOT_FOUND


def _throttle_names(mask: int) -> frozenset[str]:
    bits = [1 << place for place in range(mask.bit_length()) if mask >> place & 1]
    return frozenset(THROTTLE_NAMES.get(bit, f"bit_{bit:#x}") for bit in bits if bit != IDLE)


def _processes(found: Sequence[Any]) -> tuple[GpuProcess, ...]:
    return tuple(GpuProcess(pid=one.pid, group=_group(one.pid), used_bytes=one.usedGpuMemory) for one in found)


def _group(pid: int) -> int | None:
    with suppress(OSError, AttributeError, OverflowError):  # of another namespace, gone; Windows has no groups
        return os.getpgid(pid)
    return None
