"""A libnvidia-ml made of C callbacks: pynvml's own marshalling runs, and the structs are filled as the driver would."""

import ctypes
from collections import Counter
from ctypes import CFUNCTYPE, POINTER, c_int, c_uint, c_ulonglong, c_void_p, cast

import pynvml

FIRST_HANDLE = 0x1000
MIG_HANDLE = 0x9000
IDLE_PID = 4_000_000_000  # above any id of Linux, so never a process that this machine shows


class FakeNvml:
    """A driver with `num_gpus` equal GPUs, to be changed while it is read.

    `failing` maps a function of the library to what it returns, `missing` names functions it lacks,
    `before_call` is run at each call and may block; `processes` returns (pid, bytes or None) of each process.
    """

    def __init__(self, num_gpus=1):
        self.num_gpus = num_gpus
        self.failing = {}
        self.missing = set()
        self.calls = Counter()
        self.asked_of = set()
        self.before_call = lambda name: None
        self.processes = list
        self.name = "NVIDIA H200"
        self.utilisation = 87
        self.power_mw = 61_500
        self.power_limit_mw = 70_000
        self.sm_clock_mhz = 1_410
        self.temperature_c = 71
        self.throttle = 0x1
        self.used_bytes = 3 * 2**30
        self.used_bytes_without_reserved = 0
        self._kept = {}

    def __getattr__(self, name):
        """Hand out a C function, as `ctypes.CDLL` does; CDLL too raises AttributeError for a symbol it lacks."""
        if name.startswith("_") or name in self.missing or name not in FUNCTIONS:
            raise AttributeError(name)
        if name not in self._kept:
            argument_types, fill = FUNCTIONS[name]

            def call(*arguments):
                self.calls[name] += 1
                self.before_call(name)
                if name in self.failing:
                    return self.failing[name]
                return fill(self, *arguments) or pynvml.NVML_SUCCESS

            self._kept[name] = CFUNCTYPE(c_int, *argument_types)(call)
        return self._kept[name]

    def fail(self, code, *names):
        self.failing |= dict.fromkeys(names, code)

    def fail_all(self, code):
        self.fail(code, *FUNCTIONS)


def _store(address, kind, value):
    cast(address, POINTER(kind))[0] = value


def _handle_by_index(fake, index, out):
    if index >= fake.num_gpus:
        return pynvml.NVML_ERROR_INVALID_ARGUMENT
    return _store(out, c_void_p, FIRST_HANDLE + index)


def _handle_by_uuid(fake, uuid, out):
    if ctypes.string_at(uuid).startswith(b"MIG-"):
        return _store(out, c_void_p, MIG_HANDLE)
    return pynvml.NVML_ERROR_NOT_FOUND


def _uuid(fake, handle, out, _length):
    ctypes.memmove(out, b"GPU-%08d-aaaa\0" % (handle - FIRST_HANDLE), 18)


def _name(fake, handle, out, _length):
    name = fake.name + (" MIG 1g.18gb" if handle == MIG_HANDLE else "")
    ctypes.memmove(out, name.encode() + b"\0", len(name) + 1)


def _utilisation(fake, handle, out):
    fake.asked_of.add(handle)
    struct = cast(out, POINTER(pynvml.c_nvmlUtilization_t)).contents
    struct.gpu, struct.memory = fake.utilisation, 5


def _memory(fake, _handle, out):
    struct = cast(out, POINTER(pynvml.c_nvmlMemory_t)).contents
    struct.total, struct.used = 16 * 2**30, fake.used_bytes


def _memory_v2(fake, _handle, out):
    struct = cast(out, POINTER(pynvml.c_nvmlMemory_v2_t)).contents
    if struct.version != pynvml.nvmlMemory_v2:
        return pynvml.NVML_ERROR_ARGUMENT_VERSION_MISMATCH
    struct.used, struct.reserved = fake.used_bytes_without_reserved, 2**29
    return None


def _running(fake, _handle, count, out):
    found = fake.processes()
    room = cast(count, POINTER(c_uint))[0]
    _store(count, c_uint, len(found))
    if len(found) > room:
        return pynvml.NVML_ERROR_INSUFFICIENT_SIZE
    structs = cast(out, POINTER(pynvml.c_nvmlProcessInfo_v2_t))
    for place, (pid, used_bytes) in enumerate(found):
        not_told = pynvml.NVML_VALUE_NOT_AVAILABLE_ulonglong.value
        structs[place].pid = pid
        structs[place].usedGpuMemory = not_told if used_bytes is None else used_bytes
    return None


def _temperature(fake, _handle, out):
    cast(out, POINTER(pynvml.c_nvmlTemperature_v1_t)).contents.temperature = fake.temperature_c


FUNCTIONS = {
    "nvmlInitWithFlags": ((c_uint,), lambda fake, flags: None),
    "nvmlShutdown": ((), lambda fake: None),
    "nvmlDeviceGetCount_v2": ((c_void_p,), lambda fake, out: _store(out, c_uint, fake.num_gpus)),
    "nvmlDeviceGetHandleByIndex_v2": ((c_uint, c_void_p), _handle_by_index),
    "nvmlDeviceGetHandleByUUID": ((c_void_p, c_void_p), _handle_by_uuid),
    "nvmlDeviceGetName": ((c_void_p, c_void_p, c_uint), _name),
    "nvmlDeviceGetUUID": ((c_void_p, c_void_p, c_uint), _uuid),
    "nvmlDeviceGetUtilizationRates": ((c_void_p, c_void_p), _utilisation),
    "nvmlDeviceGetPowerUsage": ((c_void_p, c_void_p), lambda fake, _, out: _store(out, c_uint, fake.power_mw)),
    "nvmlDeviceGetEnforcedPowerLimit": (
        (c_void_p, c_void_p),
        lambda fake, _, out: _store(out, c_uint, fake.power_limit_mw),
    ),
    "nvmlDeviceGetClockInfo": (
        (c_void_p, c_uint, c_void_p),
        lambda fake, _, kind, out: _store(out, c_uint, fake.sm_clock_mhz if kind == pynvml.NVML_CLOCK_SM else 1),
    ),
    "nvmlDeviceGetTemperatureV": ((c_void_p, c_void_p), _temperature),
    "nvmlDeviceGetTemperature": (
        (c_void_p, c_uint, c_void_p),
        lambda fake, _, kind, out: _store(out, c_uint, fake.temperature_c),
    ),
    "nvmlDeviceGetCurrentClocksEventReasons": (
        (c_void_p, c_void_p),
        lambda fake, _, out: _store(out, c_ulonglong, fake.throttle),
    ),
    "nvmlDeviceGetCurrentClocksThrottleReasons": (
        (c_void_p, c_void_p),
        lambda fake, _, out: _store(out, c_ulonglong, fake.throttle),
    ),
    "nvmlDeviceGetMemoryInfo": ((c_void_p, c_void_p), _memory),
    "nvmlDeviceGetMemoryInfo_v2": ((c_void_p, c_void_p), _memory_v2),
    "nvmlDeviceGetComputeRunningProcesses_v3": ((c_void_p, c_void_p, c_void_p), _running),
    "nvmlDeviceGetComputeRunningProcesses_v2": ((c_void_p, c_void_p, c_void_p), _running),
}


def install(monkeypatch, library):
    """Put a library in the place of the driver's, with none of its functions remembered from before."""
    monkeypatch.setattr(pynvml, "nvmlLib", library)
    monkeypatch.setattr(pynvml, "_nvmlGetFunctionPointer_cache", {})
