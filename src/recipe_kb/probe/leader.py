"""Several processes that train one network, through torchrun; towards the parent they are one child."""

import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
from torch.distributed.run import get_args_parser
from torch.distributed.run import run as torchrun

from recipe_kb.probe.ending import oom_kills
from recipe_kb.probe.environ import SCRATCH
from recipe_kb.probe.joint import RankResult, join
from recipe_kb.probe.meeting import TASK, open_alive, pass_on
from recipe_kb.probe.messages import Finished, Message, Started, Task, parse
from recipe_kb.probe.plan import Device, plan_run
from recipe_kb.probe.possible import device_of, require_possible
from recipe_kb.probe.rank_file import RankFile
from recipe_kb.training.unsupported import UnsupportedError

RANK = ("-m", "recipe_kb.probe.rank")
"""What torchrun starts, once for each rank."""

LOOPBACK = "lo0" if sys.platform == "darwin" else "lo"


def lead(task: Task, tell: Callable[[Message], None]) -> None:
    """Train with as many processes as the recipe has GPUs, and report them as one.

    Args:
        task: What to do; its folder must be this process' own, and empty.
        tell: Is told what rank 0 says, and in the end what came of all.
    """
    request = task.request
    device = device_of(request)
    plan = plan_run(request, device)
    try:
        require_possible(request, plan, device)
    except UnsupportedError as error:
        tell(Started(device=device, gpu_name=None, fingerprint={}))
        tell(Finished(failure="unsupported", reason=str(error)))
        return
    folder = task.scratch
    (folder / TASK).write_text(task.model_dump_json(), encoding="utf-8")
    _fit_environ(folder, device, plan.num_gpus)
    alive = open_alive(folder)
    finish = pass_on(folder, lambda line: tell(parse(line)))
    kills = oom_kills()
    try:
        exit_codes = launch(plan.num_gpus)
    finally:
        os.close(alive)
    finish()
    files = [RankFile(folder, rank) for rank in range(plan.num_gpus)]
    results = [RankResult(file.rank, file.begun(), file.ended(), exit_codes.get(file.rank)) for file in files]
    tell(join(results, kernel_killed=oom_kills() != kills))


def launch(num_gpus: int) -> Mapping[int, int]:
    """Run all ranks until they end; when one fails, torchrun ends the others.

    Returns:
        The exit codes of those that failed, negative for a signal, as far as torchrun saw them end by themselves.
    """
    words = ["--standalone", "--local-addr", "127.0.0.1", "--nproc-per-node", str(num_gpus), *RANK]
    try:
        torchrun(get_args_parser().parse_args(words))
    except ChildFailedError as error:
        return {rank: failure.exitcode for rank, failure in error.failures.items()}
    return {}


def _fit_environ(folder: Path, device: Device, num_gpus: int) -> None:
    """Set what the ranks inherit."""
    os.environ[SCRATCH] = str(folder)
    if device == "cpu":
        # gloo asks for the address of the machine's name, which a container may not know.
        os.environ.setdefault("GLOO_SOCKET_IFNAME", LOOPBACK)
        os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // num_gpus)))
