"""Several processes that train one network, through torchrun, on this CPU; whatever happens, none is left."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from checkout import ROOT
from recipe_kb.probe.run import probe
from recipe_kb.resolve.emulation import emulation_of
from recipe_kb.store.store import Store
from tiny import BERT, NO_DROPOUT, QWEN2

SRC = Path(__file__).parents[2] / "src"
TESTS = Path(__file__).parents[1]


def python(code):
    return [sys.executable, "-c", code]


def is_running(pid):
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


def wait_until(condition, timeout_s=20.0):
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


def ranks_of(folder):
    """Return the processes that train in a folder of ours: they have it in their environment."""
    found = []
    for process in psutil.process_iter():
        try:
            if str(folder) in process.environ().get("RECIPE_KB_SCRATCH", "") and is_running(process.pid):
                found.append(process)
        except psutil.Error:
            continue
    return found


@pytest.fixture(autouse=True)
def nothing_is_left(scratch, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", f"{SRC}{os.pathsep}{TESTS}")
    before = set(psutil.Process().children(recursive=True))
    yield
    assert not list(scratch.iterdir())
    assert not set(psutil.Process().children(recursive=True)) - before
    wait_until(lambda: not ranks_of(scratch), timeout_s=5)


def with_rank(tmp_path, code):
    """Return a child of ours whose ranks run other code before they train."""
    script = tmp_path / "rank.py"
    script.write_text(
        f"import os\nRANK = int(os.environ['RANK'])\n{code}\nfrom recipe_kb.probe.rank import main\nmain()\n"
    )
    return python(
        f"import recipe_kb.probe.leader as leader; leader.RANK = ({str(script)!r},)\n"
        "from recipe_kb.probe.child import main\nmain()"
    )


IN_STEP = """
from recipe_kb.training import watch
log = watch.StepWatch.on_log
def on_log(self, *words, **more):
    log(self, *words, **more)
    if len(self.steps) == 2:
        in_step()
watch.StepWatch.on_log = on_log
"""


def test_two_processes_train_one_network(ask):
    told = []
    settings = {"gradient_accumulation_steps": 2, "per_device_train_batch_size": 32}
    request = ask("t4/tiny/3t-64-full-2x", settings=settings)
    evidence = probe(request, on_progress=lambda *progress: told.append(progress))
    assert (evidence.verdict, evidence.reason) == ("passed", None)
    assert (evidence.num_gpus, evidence.parallel, evidence.mode) == (2, "ddp", "cpu")
    assert {"several_gpus", "multi_task", "accumulation", "loss_falls"} <= set(evidence.confirmed)
    measured = evidence.measured
    assert measured.samples_per_s == pytest.approx(2 * 4 * 2 / measured.step_time_s_median)
    assert [(rank.rank, rank.verdict, rank.num_steps) for rank in evidence.ranks] == [
        (0, "passed", 16),
        (1, "passed", 16),
    ]
    assert measured.process_peak_rss_bytes == max(rank.process_peak_rss_bytes for rank in evidence.ranks)
    assert measured.step_time_s_median >= max(rank.step_time_s_median for rank in evidence.ranks) * 0.99
    assert [step for step, _, _ in told] == list(range(1, 17))
    assert evidence.fingerprint["not_measured"]["gpu_load"] == "no CUDA device in use"


@pytest.mark.slow
def test_fsdp_takes_the_same_steps_as_ddp(ask):
    """Shards are another place for the same numbers."""
    settings = {"gradient_accumulation_steps": 2}
    runs = [
        probe(ask("t4/tiny/3t-64-full-2x", config=BERT | NO_DROPOUT, settings=settings, parallel=parallel))
        for parallel in ("ddp", "fsdp")
    ]
    assert [run.verdict for run in runs] == ["passed", "passed"]
    first, second = (run.measured for run in runs)
    assert second.loss_first == pytest.approx(first.loss_first, rel=1e-4)
    assert second.loss_last == pytest.approx(first.loss_last, rel=1e-4)


IS_SHARDED = """
from torch.distributed.fsdp import FSDPModule
def in_step():
    parts = [name for name, module in NETWORK[0].named_modules() if isinstance(module, FSDPModule)]
    raise ValueError(f"shards: {parts}")
from recipe_kb.probe import session
NETWORK, build = [], session._build
def kept(*words):
    NETWORK.append(build(*words))
    return NETWORK[0]
session._build = kept
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("parallel", "parts"),
    [("fsdp", ["", "encoder.embeddings", "encoder.encoder.layer.0", "encoder.encoder.layer.1"]), ("ddp", [])],
)
def test_the_layers_are_shards_under_fsdp_alone(ask, tmp_path, parallel, parts):
    """Accelerate drops FSDP on a CPU without a word; that each layer is a part by itself shows that not here."""
    evidence = probe(ask("t4/tiny/2t-64-full-2x", parallel=parallel), command=with_rank(tmp_path, IS_SHARDED + IN_STEP))
    assert evidence.verdict == "crash"
    assert f"ValueError: shards: {parts}" in evidence.reason


DISTILBERT = {
    "model_type": "distilbert",
    "vocab_size": 2000,
    "dim": 64,
    "n_layers": 2,
    "n_heads": 2,
    "hidden_dim": 128,
    "max_position_embeddings": 64,
}
"""A network that names no layers in `_no_split_modules`."""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("layer", "parts"),
    [
        ("TransformerBlock", ["", "encoder.transformer.layer.0", "encoder.transformer.layer.1"]),
        (None, [""]),  # the control: without the name everything is gathered at once
    ],
)
def test_layers_that_the_network_does_not_name_are_shards_too(ask, tmp_path, layer, parts):
    request = ask("t4/tiny/2t-64-full-2x", config=DISTILBERT, parallel="fsdp", layer=layer)
    evidence = probe(request, command=with_rank(tmp_path, IS_SHARDED + IN_STEP))
    assert evidence.verdict == "crash"
    assert f"ValueError: shards: {parts}" in evidence.reason


CAPPED = """
from types import SimpleNamespace
import torch
from recipe_kb.probe import emulate, session
def capped(fraction, index):
    with open({path!r} + str(RANK), "w") as file:
        file.write(f"{{int(fraction * 2**34)}} of GPU {{index}}")
def play(emulation, settings, device):
    real = torch.cuda.get_device_properties, torch.cuda.mem_get_info, torch.cuda.set_per_process_memory_fraction
    torch.cuda.get_device_properties = lambda index: SimpleNamespace(total_memory=2**34, major=7, minor=5)
    torch.cuda.mem_get_info = lambda index: (2**34, 2**34)
    torch.cuda.set_per_process_memory_fraction = capped
    emulate.play(emulation, settings, "cuda")
session.play = play
"""


@pytest.mark.slow
def test_each_rank_is_capped_on_its_own_gpu(ask, tmp_path):
    """There is no GPU here: what each rank would tell torch is written down, and then both train."""
    predicted = 3 * 2**30 + 1
    played = emulation_of(Store(ROOT / "kb"), "t4", capped_at="prediction", predicted_reserved_bytes=predicted)
    request = ask("t4/tiny/2t-64-full-2x", emulation=played, predicted_reserved_bytes=predicted)
    command = with_rank(tmp_path, CAPPED.format(path=str(tmp_path / "cap")))
    evidence = probe(request, command=command)
    assert (evidence.verdict, evidence.reason) == ("passed", None)
    assert [(tmp_path / f"cap{rank}").read_text() for rank in (0, 1)] == [
        f"{predicted} of GPU 0",
        f"{predicted} of GPU 1",
    ]
    assert evidence.predicted_reserved_bytes == predicted


@pytest.mark.slow
@pytest.mark.parametrize(
    ("recipe_id", "mixing", "parallel", "more"),
    [
        ("t4/tiny/2t-64-full-2x", "joint", "ddp", {}),
        ("t4/tiny/2t-64-full-2x", "joint", "fsdp", {}),
        ("t4/tiny/1t-64-full-2x", None, "fsdp", {"config": QWEN2}),
        ("t4/tiny/3t-64-full-2x", "interleaved", "ddp", {"settings": {"gradient_checkpointing": True}}),
        ("t4/tiny/3t-64-full-2x", "interleaved", "fsdp", {"settings": {"gradient_checkpointing": True}}),
        ("t4/tiny/2t-64-lora-2x", "interleaved", "fsdp", {"settings": {"lora_r": 4, "lora_alpha": 8}}),
    ],
)
def test_what_trains_alone_trains_together(ask, recipe_id, mixing, parallel, more):
    evidence = probe(ask(recipe_id, mixing=mixing, parallel=parallel, **more))
    assert (evidence.verdict, evidence.reason) == ("passed", None)


@pytest.mark.slow
def test_one_rank_without_memory_is_named_and_the_others_end(ask, tmp_path):
    """Without an end the other would wait for gradients until the time limit, and that would be the verdict."""
    code = "def in_step():\n    if RANK == 1:\n        raise MemoryError\n" + IN_STEP
    evidence = probe(ask("t4/tiny/2t-64-full-2x", num_steps=100_000), command=with_rank(tmp_path, code))
    assert (evidence.verdict, evidence.reason) == ("oom", "rank 1: MemoryError")
    assert evidence.ranks[1].verdict == "oom"
    assert evidence.ranks[0].verdict in {None, "crash"}


@pytest.mark.slow
def test_one_rank_that_is_killed_ends_all(ask, tmp_path):
    code = "def in_step():\n    if RANK == 1:\n        os.kill(os.getpid(), 9)\n" + IN_STEP
    evidence = probe(ask("t4/tiny/2t-64-full-2x", num_steps=100_000), command=with_rank(tmp_path, code))
    assert evidence.verdict == "crash"
    assert evidence.reason == "rank 1: killed by SIGKILL"


@pytest.mark.slow
def test_ranks_that_do_not_exchange_gradients_are_found(ask, tmp_path):
    """Without the exchange each rank has the gradients of its own rows."""
    code = """
import torch
class Alone(torch.nn.Module):
    def __init__(self, module, **_):
        super().__init__()
        self.module = module
    def forward(self, *words, **more):
        return self.module(*words, **more)
    def no_sync(self):
        import contextlib
        return contextlib.nullcontext()
torch.nn.parallel.DistributedDataParallel = Alone
"""
    evidence = probe(ask("t4/tiny/1t-64-full-2x", mixing=None), command=with_rank(tmp_path, code))
    assert evidence.verdict == "crash"
    assert evidence.reason == "rank 1 has another gradient in step 1 than rank 0: they do not train one network"
    assert "several_gpus" not in evidence.confirmed


@pytest.mark.slow
def test_the_time_limit_ends_all(ask, tmp_path, scratch):
    deaf = "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    code = f"{deaf}def in_step():\n    import time; time.sleep(600)\n"
    evidence = probe(ask("t4/tiny/2t-64-full-2x", timeout_s=60), command=with_rank(tmp_path, code + IN_STEP))
    assert evidence.verdict == "timeout"
    assert not ranks_of(scratch)


@pytest.mark.slow
def test_ctrl_c_ends_all(ask, scratch):
    seen = []

    def interrupt(*_):
        seen.extend(ranks_of(scratch))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        probe(ask("t4/tiny/2t-64-full-2x", num_steps=100_000), on_progress=interrupt)
    assert len(seen) == 3  # the leader and two ranks
    assert not ranks_of(scratch)


@pytest.mark.slow
@pytest.mark.parametrize("victim", ["parent", "leader"])
def test_the_ranks_die_with_those_above_them(ask, tmp_path, scratch, victim):
    """Both get SIGKILL, so they can clean nothing: the ranks must notice by themselves.

    One that reports would meet a broken pipe; these are in the middle of a long step.
    """
    command = with_rank(tmp_path, "def in_step():\n    import time; time.sleep(600)\n" + IN_STEP)
    code = f"""
import sys
from recipe_kb.probe.request import ProbeRequest
from recipe_kb.probe.run import probe
request = ProbeRequest.model_validate_json(sys.stdin.readline())
said = lambda *_: print("trains", flush=True)
print(probe(request, on_progress=said, command={command!r}).verdict)
"""
    request = ask("t4/tiny/2t-64-full-2x", num_steps=100_000).model_dump_json()
    environ = os.environ | {"TMPDIR": str(scratch)}
    with subprocess.Popen(
        python(code), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environ
    ) as parent:
        parent.stdin.write(request + "\n")
        parent.stdin.flush()
        assert [parent.stdout.readline() for _ in range(2)] == ["trains\n"] * 2
        time.sleep(1)  # now both are in their long step
        processes = psutil.Process(parent.pid).children(recursive=True)
        assert len(processes) == 3
        leader = next(one for one in processes if one.ppid() == parent.pid)
        (parent if victim == "parent" else leader).send_signal(signal.SIGKILL)
        if victim == "leader":
            assert parent.communicate(timeout=60)[0].splitlines()[-1] == "crash"
    wait_until(lambda: not any(is_running(process.pid) for process in processes), timeout_s=10)


@pytest.mark.slow
def test_the_end_is_agreed_on(ask, tmp_path):
    """The ranks' clocks differ: what rank 1 thinks of its own times must not make it leave the others."""
    code = """
from dataclasses import replace
from recipe_kb.probe import session
plan_run = session.plan_run
session.plan_run = lambda *words: replace(plan_run(*words), max_steps=40)
session._is_enough = lambda plan, steps: len(steps) >= (20 if RANK == 0 else 18)
"""
    evidence = probe(ask("t4/tiny/2t-64-full-2x"), command=with_rank(tmp_path, code))
    assert evidence.verdict == "passed"
    assert [rank.num_steps for rank in evidence.ranks] == [20, 20]


def test_fewer_gpus_than_asked_for_are_no_smaller_run(ask):
    code = """
import torch
torch.cuda.is_available, torch.cuda.device_count = (lambda: True), (lambda: 1)
from recipe_kb.probe.child import main
main()
"""
    evidence = probe(ask("t4/tiny/1t-64-full-2x", device="auto"), command=python(code))
    assert (evidence.verdict, evidence.reason) == ("unsupported", "2 GPUs asked for, 1 visible here")
    assert evidence.measured is None
    assert evidence.needs_gpu == ("memory", "speed", "precision")


def test_asked_for_cuda_without_a_gpu(ask):
    evidence = probe(ask("t4/tiny/1t-64-full-2x", device="cuda"))
    assert (evidence.verdict, evidence.reason) == ("unsupported", "device cuda: torch finds no CUDA GPU")
