"""A driver that is not there, in place of the real pynvml."""


class NVMLError(Exception):
    """As the real one."""


def nvmlInit():  # noqa: N802 - NVIDIA's name
    raise NVMLError("NVML Shared Library Not Found")
