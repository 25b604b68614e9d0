"""What this machine is: GPUs through NVML, memory, installed packages. Nothing heavy is imported."""

import os
import platform
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

from recipe_kb.errors import CannotHereError, Problem
from recipe_kb.i18n import _
from recipe_kb.store.names import gpu_of_device
from recipe_kb.store.store import Store

NEEDED_TO_TRAIN = ("torch", "transformers", "accelerate", "peft", "psutil")
PROBE_PACKAGES = (*NEEDED_TO_TRAIN, "nvidia-ml-py")


@dataclass(frozen=True, kw_only=True)
class Device:
    """One GPU as its driver names it; `gpu_id` is None where the knowledge base does not know it."""

    name: str
    total_bytes: int
    gpu_id: str | None


@dataclass(frozen=True, kw_only=True)
class Machine:
    """This machine; memory in bytes; `gpu_reason` says why no GPU is seen."""

    python: str
    system: str
    num_cores: int
    memory_bytes: int
    packages: dict[str, str | None]
    devices: tuple[Device, ...]
    gpu_reason: str | None


def inspect_machine(store: Store) -> Machine:
    """Look at this machine."""
    devices, reason = _devices(store)
    return Machine(
        python=platform.python_version(),
        system=platform.platform(terse=True),
        num_cores=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        memory_bytes=os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") if hasattr(os, "sysconf") else 0,
        packages={name: _version(name) for name in PROBE_PACKAGES},
        devices=devices,
        gpu_reason=reason,
    )


def gpu_of_this_machine(store: Store) -> str:
    """Return the id of the GPU in this machine.

    Raises:
        CannotHereError: There is none, or the knowledge base does not know it.
    """
    devices, reason = _devices(store)
    if devices and devices[0].gpu_id:  # the first is the one that trains
        return devices[0].gpu_id
    if devices:
        what = _("The GPU of this machine, {name}, is not in the knowledge base.").format(name=devices[0].name)
        size = round(devices[0].total_bytes / 10**9)
        raise CannotHereError(Problem(code="KB303", what=what, next_command=f"kb recipe --vram {size} ..."))
    what = _("No NVIDIA GPU found on this machine ({why}). Name a card instead of auto.").format(why=reason)
    raise CannotHereError(Problem(code="KB302", what=what, next_command="kb list gpus"))


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _devices(store: Store) -> tuple[tuple[Device, ...], str | None]:
    try:
        import pynvml
    except ImportError:
        return (), _("nvidia-ml-py is not installed")
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError as error:
        return (), str(error)
    from recipe_kb.probe.nvml_reading import shown_devices

    try:
        found = []
        for handle in shown_devices(pynvml):
            name = str(pynvml.nvmlDeviceGetName(handle))
            total = int(pynvml.nvmlDeviceGetMemoryInfo(handle).total)
            found.append(Device(name=name, total_bytes=total, gpu_id=gpu_of_device(store, name, total)))
    except (pynvml.NVMLError, ValueError) as error:  # the latter: CUDA_VISIBLE_DEVICES names no GPU
        return (), str(error)
    finally:
        pynvml.nvmlShutdown()
    return tuple(found), None if found else _("the driver reports no device, or CUDA_VISIBLE_DEVICES hides them")
