"""How a fleet grows: probes per minute against workers, and store, check, site and git against recipes and evidence.

A probe here is a played one that sleeps, so that 64 workers fit on two cores: what is measured is all but the training.
The knowledge bases are synthetic, up to the sizes given; beyond them figures are extrapolated, and called so.
`--only workers` or `--only growth` runs one half;
`--figures` writes what ran to docs/data/figures/fleet.json.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

from figures import FOLDER, write_figures
from fleet_growth import GROWTH_SIZES, extrapolated, growth

from recipe_kb.fleet.engine import cluster
from recipe_kb.fleet.order import Order
from recipe_kb.fleet.placement import Placement
from recipe_kb.fleet.run import Job, Result, run
from recipe_kb.probe.asked import request_for
from recipe_kb.probe.request import ProbeRequest
from recipe_kb.probe.run import probe
from recipe_kb.resolve.answer import answer_key
from recipe_kb.schema.recipe import RecipeKey
from recipe_kb.store.location import default_root
from recipe_kb.store.store import Store

WORKERS = (1, 2, 4, 8, 16, 32, 64)
SLEEP_S = 10.0
"""Of a played probe; a real one takes half a minute to some minutes."""

ROUNDS = 3
"""Probes for each worker."""

PLAYED = (sys.executable, "-I", "-S", str(Path(__file__).with_name("played_probe.py")))
RECIPE = "t4/biobert/8t-512-full"


def request() -> ProbeRequest:
    """Ask for a probe of a real recipe: what travels is as large as it is."""
    key = RecipeKey.parse(RECIPE)
    assert key
    return request_for(answer_key(Store(default_root()), key), device="cpu")


def at_workers(count: int, sleep_s: float) -> dict[str, float]:
    """Run played probes on so many workers of one machine.

    Args:
        count: Workers.
        sleep_s: Of each probe.

    Returns:
        Probes per minute once all workers are up, the share of what sleeping alone allows, and seconds of the start.
    """
    asked = request()
    job = Job(order=Order(request=asked, command=(*PLAYED, str(sleep_s))), placement=Placement(num_cpus=1))
    nothing = Job(order=Order(request=asked, command=(*PLAYED, "3")), placement=Placement(num_cpus=1))
    began = time.perf_counter()
    with cluster(None, num_cpus=count) as engine:
        for _result in run(engine, [nothing] * count):
            pass
        start_s = time.perf_counter() - began
        began = time.perf_counter()
        results = list(run(engine, [job] * (count * ROUNDS)))
        took_s = time.perf_counter() - began
    odd = [result.why or result.delivery.runs[0] for result in results if not passed(result)]  # type: ignore[union-attr]
    assert not odd, odd[:2]
    per_minute = 60 * len(results) / took_s
    return {
        "num_probes": len(results),
        "probes_per_min": per_minute,
        "share_of_ideal": per_minute * sleep_s / 60 / count,
        "start_s": start_s,
    }


def passed(result: Result) -> bool:
    """Say whether a played probe came back as it should."""
    return result.delivery is not None and result.delivery.runs[0].verdict == "passed"


def overhead(repeats: int) -> dict[str, float]:
    """Time a probe that does nothing, alone and through Ray: what it costs besides its training, in seconds."""
    asked = request()
    alone = []
    for _repeat in range(repeats):
        began = time.perf_counter()
        probe(asked, command=(*PLAYED, "0"))
        alone.append(time.perf_counter() - began)
    job = Job(order=Order(request=asked, command=(*PLAYED, "0")), placement=Placement(num_cpus=1))
    with cluster(None, num_cpus=1) as engine:
        list(run(engine, [job]))
        began = time.perf_counter()
        list(run(engine, [job] * repeats))
        through_ray_s = (time.perf_counter() - began) / repeats
    return {"alone_s": median(alone), "through_ray_s": through_ray_s}


def workers(counts: Sequence[int], sleep_s: float) -> dict[str, Any]:
    """Print and return probes per minute against workers."""
    found: dict[str, Any] = {"sleep_s": sleep_s, "overhead": overhead(20)}
    print({name: round(value, 3) for name, value in found["overhead"].items()}, flush=True)
    for count in counts:
        found[f"at_{count}"] = at_workers(count, sleep_s)
        print(count, {name: round(value, 3) for name, value in found[f"at_{count}"].items()}, flush=True)
    return found


def kept_figures() -> dict[str, Any]:
    """Read the halves that an earlier run wrote."""
    path = FOLDER / "fleet.json"
    found = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return {half: found[half] for half in ("workers", "growth", "extrapolated") if half in found}


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, print, and write if asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=["workers", "growth"])
    parser.add_argument("--workers", type=int, nargs="+", default=WORKERS, metavar="N")
    parser.add_argument("--sleep", type=float, default=SLEEP_S, metavar="SECONDS")
    parser.add_argument("--recipes", type=int, nargs="+", default=GROWTH_SIZES, metavar="N")
    parser.add_argument("--figures", action="store_true", help="write docs/data/figures/fleet.json")
    asked = parser.parse_args(argv)
    values = kept_figures()  # of the half that does not run
    if asked.only != "growth":
        values["workers"] = workers(asked.workers, asked.sleep)
        if asked.figures:
            print(write_figures("fleet.py", values))  # at once: the site that the other half builds quotes them
    if asked.only != "workers":
        with tempfile.TemporaryDirectory(prefix="kb-growth-") as scratch:
            values["growth"] = values.get("growth", {}) | growth(asked.recipes, Path(scratch))
        values["extrapolated"] = extrapolated(values["growth"])
        print("extrapolated", values["extrapolated"])
        if asked.figures:
            print(write_figures("fleet.py", values))
    return 0


if __name__ == "__main__":
    sys.exit(main())
