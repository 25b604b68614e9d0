"""Make the evidence that a machine with an NVIDIA GPU can give, part by part; `make gpu` runs all parts.

    scripts/gpu_evidence.py                        all parts, in order
    scripts/gpu_evidence.py native emulated        these
    scripts/gpu_evidence.py --list                 what there is, and what is left of it
    scripts/gpu_evidence.py --list --gpu h200      the same without such a card
    scripts/gpu_evidence.py --cpu                  does the plumbing work? tiny settings on a CPU, in build/

Each part stops beginning new work after --limit-seconds and ends 75 seconds later at the latest, whatever it has to
stop for that. What has evidence of this recipe, card and these versions is not run again: the same command goes on.
A recipe that does not pass is evidence too. If the first part fails, the others are not begun.

Evidence goes to kb/evidence, or to that of another knowledge base, `--kb DIR` or else `KB_ROOT`, made as a copy if
there is none.
With `--new-to DIR` all that a run writes is copied there too, after each command.

Exit codes: 0 everything has answered, 1 something is left or failed, 2 wrong arguments, 3 no GPU here.
"""

import argparse
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from evidence_parts import PARTS, ROOT, Place, Work, evidence_of

from recipe_kb.cli.machine import gpu_of_this_machine, inspect_machine
from recipe_kb.errors import Exit, KbError
from recipe_kb.schema.recipe import RecipeKey
from recipe_kb.store.location import default_root
from recipe_kb.store.names import find_gpu
from recipe_kb.store.store import Store
from recipe_kb.units import GIB

LIMIT_S = 495.0
GRACE_S = 60.0
"""What was begun in time may take this much longer."""
STOP_S = 15.0
"""From Ctrl-C to the kill: `kb` takes ten at most to end its children. Nine minutes and a half in all."""
CPU_KB = ROOT / "build" / "gpu_evidence_cpu"
CPU_GPU = "t4"


@dataclass(kw_only=True)
class Result:
    """What came of one part."""

    name: str
    works: list[Work]
    num_before: int = 0
    answered: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def num_left(self) -> int:
        """How many have neither answered nor failed."""
        return len(self.works) - self.num_before - len(self.answered) - len(self.failed)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the parts that were asked for; return the exit code."""
    options = _parser().parse_args(arguments)
    root = options.kb or (CPU_KB if options.cpu else default_root())
    if options.cpu and root.resolve() in {(ROOT / "kb").resolve(), default_root().resolve()}:
        print("--cpu writes no evidence worth keeping; name another knowledge base with --kb", file=sys.stderr)
        return Exit.BAD_INPUT
    if not (root / "gpus").is_dir():
        shutil.copytree(ROOT / "kb", root, ignore=shutil.ignore_patterns("evidence"), dirs_exist_ok=True)
    try:
        place = _place(Store(root.resolve()), options)
    except KbError as error:
        print(*error.problems, sep="\n", file=sys.stderr)
        return error.exit_code
    names = options.parts or list(PARTS)
    if options.list:
        return _list(place, names)
    before = _files(place.store.root)
    results = []
    for name in names:
        results.append(_run(place, name, options, before))
        if name == "smoke" and results[-1].failed:
            print("smoke failed; what stopped it would stop the others", file=sys.stderr)
            break
    return _close(place, results, names)


def _place(store: Store, options: argparse.Namespace) -> Place:
    """Say where evidence is made.

    Raises:
        CannotHereError: There is no GPU, or the knowledge base does not know it.
    """
    if options.cpu:
        return Place(store=store, gpu=CPU_GPU, gpu_name=None, cpu=True)
    if options.list and options.gpu:
        return Place(store=store, gpu=find_gpu(store, options.gpu), gpu_name=None)
    gpu = gpu_of_this_machine(store)
    name = next(device.name for device in inspect_machine(store).devices if device.gpu_id == gpu)
    return Place(store=store, gpu=gpu, gpu_name=name)


def _list(place: Place, names: Sequence[str]) -> int:
    num_left = 0
    for name in names:
        print(name)
        for work in PARTS[name](place):
            done = work.is_done()
            num_left += not done
            print(f"  {'answered' if done else 'left':<8}  {work.name}")
    print(f"{num_left} left")
    return Exit.DONE


def _run(place: Place, name: str, options: argparse.Namespace, before: dict[Path, int]) -> Result:
    """Do one part until it is done or its time is over."""
    began = time.monotonic()
    works = list(PARTS[name](place))
    result = Result(name=name, works=works)
    print(f"\n{name}: {len(works)} in all", flush=True)
    for work in sorted(works, key=lambda work: work.was_tried()):
        if work.is_done():
            result.num_before += 1
            continue
        left_s = options.limit_seconds - (time.monotonic() - began)
        if left_s <= 0:
            print(f"{options.limit_seconds:g} s are over", flush=True)
            break
        print(f"-- {work.name}", flush=True)
        ended = _call(place, work, left_s)
        if options.new_to:
            _copy_new(place.store.root, before, options.new_to)
        if ended is None:
            print("stopped: out of time", flush=True)
            break
        if work.is_done() or (place.cpu and ended == Exit.DONE):
            result.answered.append(work.name)
        elif not (work.goes_on and ended == Exit.FINDING):
            result.failed.append(work.name)
    result.seconds = time.monotonic() - began
    return result


def _call(place: Place, work: Work, left_s: float) -> int | None:
    """Run one command; None if it had to be stopped."""
    command = [*work.command, *(["--limit-seconds", f"{left_s:.0f}"] if work.goes_on else [])]
    environ = os.environ | {"KB_ROOT": str(place.store.root)}
    heard = subprocess.PIPE if work.hear else None
    with subprocess.Popen(command, env=environ, cwd=ROOT, stdout=heard, text=True) as process:
        try:
            output, _ = process.communicate(timeout=left_s + GRACE_S)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGINT)
            with suppress(subprocess.TimeoutExpired):
                process.communicate(timeout=STOP_S)
            return None
        finally:
            if process.poll() is None:
                process.kill()
    if work.hear:
        print(output, end="", flush=True)
        work.hear(process.returncode, output)
    return process.returncode


def _files(root: Path) -> dict[Path, int]:
    """Return what evidence and recipes there are, with the time of their last change."""
    found = [path for folder in ("evidence", "recipes") for path in (root / folder).rglob("*") if path.is_file()]
    return {path: path.stat().st_mtime_ns for path in found}


def _copy_new(root: Path, before: dict[Path, int], folder: Path) -> None:
    for path, changed in _files(root).items():
        if before.get(path) != changed:
            target = folder / "kb" / path.relative_to(root)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, target)


def _close(place: Place, results: Sequence[Result], names: Sequence[str]) -> int:
    """Print what came of it; return the exit code."""
    answered = dict.fromkeys(recipe_id for result in results for recipe_id in result.answered)
    lines = [line for recipe_id in answered if RecipeKey.parse(recipe_id) for line in _figures(place, recipe_id)]
    if lines:
        print(f"\n{'verdict':<13} {'peak GiB':>9} {'predicted':>9} {'samples/s':>9}  recipe")
        print(*lines, sep="\n")
    print(f"\n{'part':<11} {'before':>7} {'now':>5} {'failed':>7} {'left':>5} {'s':>6}")
    for result in results:
        counts = f"{result.num_before:>7} {len(result.answered):>5} {len(result.failed):>7} {result.num_left:>5}"
        print(f"{result.name:<11} {counts} {result.seconds:>6.0f}")
    for result in results:
        for name in result.failed:
            print(f"failed: {result.name}: {name}")
    if any(result.num_left or result.failed for result in results) or len(results) < len(names):
        print("Not everything has answered. -> the same command goes on")
        return Exit.FINDING
    return Exit.DONE


def _figures(place: Place, recipe_id: str) -> list[str]:
    """Write the newest record of a recipe as a line."""
    lines = []
    for record in evidence_of(place, recipe_id)[-1:]:
        measured, played = record.measured, record.emulation
        peak = _gib(measured.peak_reserved_bytes if measured else None)
        rate = _number(measured.samples_per_s if measured else None)
        predicted = _gib(record.predicted_reserved_bytes)
        as_card = f" as {played.gpu} ({played.capped_at})" if played else ""
        lines.append(f"{record.verdict:<13} {peak:>9} {predicted:>9} {rate:>9}  {recipe_id}{as_card}")
    return lines


def _gib(num_bytes: int | None) -> str:
    return "-" if num_bytes is None else f"{num_bytes / GIB:.2f}"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}"


def _part(text: str) -> str:
    if text not in PARTS:
        raise argparse.ArgumentTypeError(f"{text!r} is none of {', '.join(PARTS)}")
    return text


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="PART", type=_part, help=", ".join(PARTS))
    parser.add_argument("--list", action="store_true", help="say what is left and stop")
    parser.add_argument("--gpu", metavar="GPU", help="with --list: as if this card were here")
    parser.add_argument("--limit-seconds", metavar="S", type=float, default=LIMIT_S, help="per part")
    parser.add_argument(
        "--kb", metavar="DIR", type=Path, help="the knowledge base to fill; KB_ROOT or that of the checkout"
    )
    parser.add_argument("--new-to", metavar="DIR", type=Path, help="copy what is written there too")
    parser.add_argument("--cpu", action="store_true", help="tiny settings without a GPU; proves nothing")
    return parser


if __name__ == "__main__":
    sys.exit(main())
