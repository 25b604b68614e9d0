"""Telemetry of a GPU through a fake driver at its C boundary: readings, refusals, a GPU that is lost."""

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pynvml
import pytest
from fake_nvml import FIRST_HANDLE, IDLE_PID, MIG_HANDLE, FakeNvml, install

from recipe_kb.cli.machine import inspect_machine
from recipe_kb.probe.environ import visible_devices
from recipe_kb.probe.gpu_load import WHY_HIDDEN, WHY_NO_PROCESS_MEMORY
from recipe_kb.probe.nvml import nvml_sampler
from recipe_kb.store.location import default_root
from recipe_kb.store.store import Store

CHILD_PID = 2**30
OTHER_PID = CHILD_PID + 1
INTERVAL_S = 0.01
GPU_FUNCTIONS = {
    "nvmlDeviceGetUtilizationRates",
    "nvmlDeviceGetPowerUsage",
    "nvmlDeviceGetEnforcedPowerLimit",
    "nvmlDeviceGetClockInfo",
    "nvmlDeviceGetTemperatureV",
    "nvmlDeviceGetTemperature",
    "nvmlDeviceGetCurrentClocksEventReasons",
    "nvmlDeviceGetCurrentClocksThrottleReasons",
}


@pytest.fixture
def nvml(monkeypatch):
    monkeypatch.setattr("recipe_kb.probe.gpu_load.AVERAGED_S", 0.0)
    fake = FakeNvml()
    install(monkeypatch, fake)
    yield fake
    assert [thread for thread in threading.enumerate() if thread.name == "nvml"] == []


def wait_for_readings(sampler, count):
    """Wait for so many more readings, the next of which began after this call."""
    wanted = len(sampler.readings) + count + 1
    deadline = time.monotonic() + 20
    while len(sampler.readings) < wanted:
        assert time.monotonic() < deadline
        time.sleep(0.002)


def load_of(sampler, child_pid=CHILD_PID, count=3):
    since = time.monotonic()
    wait_for_readings(sampler, count)
    return sampler.load(since, time.monotonic(), {child_pid})


def test_a_gpu_with_our_process_alone(nvml):
    with nvml_sampler("0", INTERVAL_S) as sampler:
        nvml.processes = lambda: [(CHILD_PID, 2**30)]
        nvml.throttle = 0x1 | 0x4 | 0x20
        load = load_of(sampler)
    assert load.num_samples >= 3
    assert load.kernel_time_share == pytest.approx(0.87)
    assert load.power_w_mean == load.power_w_max == pytest.approx(61.5)
    assert (load.power_limit_w, load.sm_clock_mhz, load.temperature_c_max) == (70.0, 1410.0, 71.0)
    assert load.throttle_reasons == ("sw_power_cap", "sw_thermal")
    assert (load.process_used_bytes, load.device_used_bytes, load.num_other_processes) == (2**30, 3 * 2**30, 0)
    assert load.not_measured == {}
    assert nvml.calls["nvmlShutdown"] == nvml.calls["nvmlInitWithFlags"] == 1


def test_peaks_and_means_are_of_all_readings(nvml):
    with nvml_sampler("0", INTERVAL_S) as sampler:
        since = time.monotonic()
        for power_mw, temperature_c, clock in ((30_000, 60, 900), (70_000, 80, 1000), (50_000, 70, 1100)):
            nvml.power_mw, nvml.temperature_c, nvml.sm_clock_mhz = power_mw, temperature_c, clock
            wait_for_readings(sampler, 3)
        load = sampler.load(since, time.monotonic(), {CHILD_PID})
    assert load.power_w_max == 70.0
    assert 30.0 < load.power_w_mean < 70.0
    assert load.temperature_c_max == 80.0


def test_it_reads_ten_times_a_second_or_more(nvml):
    with nvml_sampler("0") as sampler:
        load = load_of(sampler, count=8)
    assert 0.04 < load.interval_s < 0.1


def test_a_process_that_was_there_before_is_another_one(nvml):
    nvml.processes = lambda: [(OTHER_PID, 2**29)]
    with nvml_sampler("0", INTERVAL_S) as sampler:
        nvml.processes = lambda: [(OTHER_PID, 2**29), (CHILD_PID, 2**30)]
        load = load_of(sampler)
    assert (load.process_used_bytes, load.num_other_processes) == (2**30, 1)


def test_a_process_that_comes_later_is_another_one(nvml):
    with nvml_sampler("0", INTERVAL_S) as sampler:
        nvml.processes = lambda: [(CHILD_PID, 2**30)]
        wait_for_readings(sampler, 1)
        since = time.monotonic()
        nvml.processes = lambda: [(OTHER_PID, 2**29), (CHILD_PID, 2**30), (OTHER_PID + 1, None)]
        wait_for_readings(sampler, 2)
        nvml.processes = lambda: [(CHILD_PID, 2**30)]
        wait_for_readings(sampler, 1)
        load = sampler.load(since, time.monotonic(), {CHILD_PID})
    assert (load.process_used_bytes, load.num_other_processes) == (2**30, 2)


def test_a_process_that_the_child_started_is_ours(nvml):
    """The child leads a process group; what it starts is in it."""
    sleep = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'import time; print(7, flush=True)"
    code = sleep + "; time.sleep(60)'])"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, start_new_session=True) as child:
        try:
            assert child.stdout.readline() == b"7\n"
            import psutil

            grandchild = psutil.Process(child.pid).children()[0].pid
            with nvml_sampler("0", INTERVAL_S) as sampler:
                nvml.processes = lambda: [(child.pid, 100), (grandchild, 20), (os.getpid(), 3)]
                load = load_of(sampler, child.pid)
        finally:
            os.killpg(child.pid, 9)
    assert (load.process_used_bytes, load.num_other_processes) == (120, 1)


def test_in_a_container_that_shows_the_ids_of_the_host_the_first_that_comes_is_ours(nvml):
    nvml.processes = lambda: [(IDLE_PID, 5)]
    with nvml_sampler("0", INTERVAL_S) as sampler:
        wait_for_readings(sampler, 1)
        nvml.processes = lambda: [(IDLE_PID, 5), (IDLE_PID + 1, 2**30)]
        wait_for_readings(sampler, 1)
        nvml.processes = lambda: [(IDLE_PID, 5), (IDLE_PID + 2, 7), (IDLE_PID + 1, 2**30)]
        load = load_of(sampler)
    assert (load.process_used_bytes, load.num_other_processes) == (2**30, 2)


def test_in_a_container_that_shows_no_process_nobody_knows(nvml):
    with nvml_sampler("0", INTERVAL_S) as sampler:
        load = load_of(sampler)
    assert (load.process_used_bytes, load.num_other_processes) == (None, None)
    assert load.not_measured == dict.fromkeys(("process_used_bytes", "num_other_processes"), WHY_HIDDEN)


def test_memory_in_use_before_the_child_shows_a_hidden_process(nvml):
    nvml.used_bytes_without_reserved = 2**30
    with nvml_sampler("0", INTERVAL_S) as sampler:
        load = load_of(sampler)
    assert load.num_other_processes == 1
    assert "num_other_processes" not in load.not_measured


def test_a_process_whose_memory_is_not_told(nvml):
    with nvml_sampler("0", INTERVAL_S) as sampler:
        nvml.processes = lambda: [(CHILD_PID, None)]
        load = load_of(sampler)
    assert (load.process_used_bytes, load.num_other_processes) == (None, 0)
    assert load.not_measured == {"process_used_bytes": WHY_NO_PROCESS_MEMORY}


def test_mig_has_memory_and_processes_only(nvml):
    nvml.fail(pynvml.NVML_ERROR_NOT_SUPPORTED, *GPU_FUNCTIONS)
    with nvml_sampler("MIG-0a1b", INTERVAL_S) as sampler:
        nvml.processes = lambda: [(CHILD_PID, 2**30)]
        load = load_of(sampler)
    assert (load.process_used_bytes, load.device_used_bytes, load.num_other_processes) == (2**30, 3 * 2**30, 0)
    assert load.throttle_reasons == ()
    values = ("kernel_time_share", "power_w_mean", "power_w_max", "power_limit_w", "sm_clock_mhz", "temperature_c_max")
    assert all(getattr(load, name) is None for name in values)
    assert load.not_measured == dict.fromkeys((*values, "throttle_reasons"), "NVML: Not Supported")


def test_what_is_forbidden_is_none_with_the_reason(nvml):
    nvml.fail(
        pynvml.NVML_ERROR_NO_PERMISSION,
        "nvmlDeviceGetComputeRunningProcesses_v3",
        "nvmlDeviceGetComputeRunningProcesses_v2",
    )
    with nvml_sampler("0", INTERVAL_S) as sampler:
        load = load_of(sampler)
    assert (load.process_used_bytes, load.num_other_processes) == (None, None)
    names = ("process_used_bytes", "num_other_processes")
    assert load.not_measured == dict.fromkeys(names, "NVML: Insufficient Permissions")
    assert load.kernel_time_share == pytest.approx(0.87)


@pytest.mark.parametrize("version", ["_v2", "_v3"])
def test_the_reason_is_of_the_function_that_exists(nvml, version):
    name = "nvmlDeviceGetComputeRunningProcesses"
    nvml.missing = {name + {"_v2": "_v3", "_v3": "_v2"}[version]}
    nvml.fail(pynvml.NVML_ERROR_NO_PERMISSION, name + version)
    with nvml_sampler("0", INTERVAL_S) as sampler:
        load = load_of(sampler)
    assert load.not_measured["num_other_processes"] == "NVML: Insufficient Permissions"


def test_a_gpu_that_is_lost_in_the_middle(nvml):
    with nvml_sampler("0", INTERVAL_S) as sampler:
        since = time.monotonic()
        nvml.processes = lambda: [(CHILD_PID, 2**30)]
        wait_for_readings(sampler, 3)
        nvml.fail_all(pynvml.NVML_ERROR_GPU_IS_LOST)
        wait_for_readings(sampler, 3)
        load = sampler.load(since, time.monotonic(), {CHILD_PID})
    assert load.num_samples >= 6
    assert load.power_limit_w == 70.0  # known from before
    assert {load.kernel_time_share, load.power_w_max, load.device_used_bytes, load.num_other_processes} == {None}
    assert set(load.not_measured.values()) == {"NVML: GPU is lost"}


def test_an_old_driver_is_asked_in_its_own_words(nvml):
    nvml.missing = {
        "nvmlDeviceGetComputeRunningProcesses_v3",
        "nvmlDeviceGetCurrentClocksEventReasons",
        "nvmlDeviceGetTemperatureV",
        "nvmlDeviceGetMemoryInfo_v2",
    }
    with nvml_sampler("0", INTERVAL_S) as sampler:
        nvml.processes = lambda: [(CHILD_PID, 2**30)]
        nvml.throttle = 0x40 | 0x1000
        load = load_of(sampler)
    assert load.not_measured == {}
    assert (load.process_used_bytes, load.temperature_c_max) == (2**30, 71.0)
    assert load.throttle_reasons == ("bit_0x1000", "hw_thermal")


@pytest.mark.parametrize(
    ("visible", "handle"),
    [
        ("1", FIRST_HANDLE + 1),
        ("GPU-00000002-aaaa", FIRST_HANDLE + 2),
        ("GPU-00000001", FIRST_HANDLE + 1),  # CUDA takes the start of a UUID
        ("MIG-0a1b", MIG_HANDLE),
    ],
)
def test_the_gpu_is_the_one_that_cuda_uses(nvml, visible, handle):
    nvml.num_gpus = 3
    with nvml_sampler(visible, INTERVAL_S) as sampler:
        load_of(sampler)
    assert nvml.asked_of == {handle}


@pytest.mark.parametrize("visible", ["", "-1", "NoDevFiles", "GPU-", "GPU-9", "9"])
def test_what_names_no_gpu_gives_a_reason(nvml, visible):
    nvml.num_gpus = 3
    with nvml_sampler(visible, INTERVAL_S) as sampler:
        assert sampler.load(0, time.monotonic(), {CHILD_PID}) is None
    assert sampler.reason.startswith("NVML: ")
    assert nvml.calls["nvmlShutdown"] == 1


def test_a_driver_that_does_not_start_gives_a_reason(nvml):
    nvml.fail(pynvml.NVML_ERROR_LIB_RM_VERSION_MISMATCH, "nvmlInitWithFlags")
    with nvml_sampler("0") as sampler:
        assert sampler.load(0, time.monotonic(), {CHILD_PID}) is None
    assert sampler.reason == "NVML: RM has detected an NVML/RM version mismatch."
    assert nvml.calls["nvmlShutdown"] == 0


def test_without_the_library_there_is_a_reason(monkeypatch):
    def no_library(_name):
        raise OSError("cannot open shared object file")

    install(monkeypatch, None)
    monkeypatch.setattr(pynvml, "CDLL", no_library)
    with nvml_sampler("0") as sampler:
        assert sampler.load(0, time.monotonic(), {CHILD_PID}) is None
    assert sampler.reason == "NVML: NVML Shared Library Not Found"


def test_without_the_package_there_is_a_reason(monkeypatch):
    monkeypatch.setitem(sys.modules, "pynvml", None)
    with nvml_sampler("0") as sampler:
        assert "pynvml" in sampler.reason


def test_the_thread_ends_with_the_block_whatever_happens_in_it(nvml):
    def interrupted():
        with nvml_sampler("0", INTERVAL_S) as sampler:
            wait_for_readings(sampler, 1)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert nvml.calls["nvmlShutdown"] == 1  # that no thread is left, the fixture asserts


def test_a_call_that_hangs_holds_nobody_up(nvml, monkeypatch):
    monkeypatch.setattr("recipe_kb.probe.nvml.JOIN_S", 0.2)
    release, stuck = threading.Event(), threading.Event()

    def hang(name):
        if name == "nvmlDeviceGetPowerUsage":
            stuck.set()
            release.wait(60)

    with nvml_sampler("0", INTERVAL_S) as sampler:
        wait_for_readings(sampler, 2)
        nvml.before_call = hang
        assert stuck.wait(20)
        left = time.monotonic()
    assert time.monotonic() - left < 5
    assert nvml.calls["nvmlShutdown"] == 0  # it would hang as well
    release.set()
    next(thread for thread in threading.enumerate() if thread.name == "nvml").join(20)


def test_a_call_that_hangs_for_ever_does_not_keep_the_process():
    code = """
import sys, time
sys.path[:0] = sys.argv[1:]
import pynvml
import recipe_kb.probe.nvml as nvml
from fake_nvml import FakeNvml
pynvml.nvmlLib = fake = FakeNvml()
nvml.JOIN_S = 0.2
with nvml.nvml_sampler("0") as sampler:
    fake.before_call = lambda name: time.sleep(600)
    time.sleep(0.3)
print("left")
"""
    paths = [str(Path(__file__).parent), str(Path(__file__).parents[2] / "src")]
    done = subprocess.run([sys.executable, "-c", code, *paths], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (0, "left\n")


@pytest.mark.usefixtures("nvml")
@pytest.mark.parametrize(("visible", "name"), [("0", "NVIDIA H200"), ("MIG-0a1b", "NVIDIA H200 MIG 1g.18gb")])
def test_who_asks_and_who_records_call_a_device_by_the_same_name(monkeypatch, visible, name):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    with nvml_sampler(visible_devices()[0], INTERVAL_S) as sampler:
        assert sampler.name == name
    assert [device.name for device in inspect_machine(Store(default_root())).devices] == [name]
