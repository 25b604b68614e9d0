"""What other processes hold on the GPU, such as a desktop: memory that no batch may count on."""

import os

from recipe_kb.probe.nvml_reading import find_device


def used_by_others() -> int | None:
    """Return the bytes in use on the GPU that a probe would take, before there is any probe; None if NVML cannot say.

    What the driver reserves for itself is left out: it is not part of what torch reports as the total either.
    """
    visible = os.environ.get("CUDA_VISIBLE_DEVICES", "0").split(",")[0]
    try:
        import pynvml

        pynvml.nvmlInit()
        try:
            handle = find_device(pynvml, visible)
            return int(pynvml.nvmlDeviceGetMemoryInfo(handle, version=pynvml.nvmlMemory_v2).used)
        finally:
            pynvml.nvmlShutdown()
    except Exception:  # noqa: BLE001 - no package, no permission, an old driver: all the same to who asks
        return None
