"""How good the search of `kb tune` is on simulated cards: whether it works, not what a GPU does.

    python benchmarks/tune_simulation.py               1500 cards with the effective batch kept, 1500 where it may grow
    python benchmarks/tune_simulation.py --cards 300
    python benchmarks/tune_simulation.py --figures     also write what the pages quote, to docs/data/figures

Each card has overhead, waves of tiles, a prediction that is off by two percent in the mean square, and a hard limit;
all is drawn from seeds, so that two runs print the same. Cards on which nothing fits are left out.

Exit codes: 0 done, 2 wrong arguments.
"""

import argparse
import random
import statistics
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from best_batch.results import GOALS
from best_batch.simulated_gpu import SimulatedGpu, random_gpu
from figures import write_figures

from recipe_kb.tune.candidates import Shape, shapes
from recipe_kb.tune.search import Search, search
from recipe_kb.tune.trial import Measurement

CARDS = 1500
EFFECTIVE = (8, 16, 32, 48, 64, 96, 128, 256)


@dataclass(frozen=True, kw_only=True)
class Simulated:
    """What the search comes to on many cards.

    Attributes:
        num_cards: Cards on which something fits.
        share_of_95: Share of the sweep's best throughput that 95 of 100 answers reach.
        share_of_99: Share that 99 of 100 reach.
        median_share: Share that half of them reach.
        num_probes: Trainings on all of them.
        mean_probes: Trainings per card.
        most_probes: Trainings of the card that took most.
        num_out_of_memory: Trainings that ran out of memory.
        num_retried: Trainings that came so close that the allocator gave its cache back.
    """

    num_cards: int
    share_of_95: float
    share_of_99: float
    median_share: float
    num_probes: int
    mean_probes: float
    most_probes: int
    num_out_of_memory: int
    num_retried: int


def simulate(num_cards: int, *, grows: bool) -> Simulated:
    """Search on so many cards.

    Args:
        num_cards: Seeds, from 0.
        grows: Whether the effective batch may grow with the batch.
    """
    shares, probes, verdicts = list[float](), list[int](), Counter[str]()
    for seed in range(num_cards):
        draw = random.Random(seed)  # noqa: S311
        gpu, effective = random_gpu(draw), draw.choice(EFFECTIVE)
        choices, found = searched(gpu, effective, grows=grows)
        best = gpu.sweeps_best(choices)
        if best is not None and found.trials:
            shares.append(gpu.samples_per_s(found.best.shape) / best if found.best else 0.0)
            probes.append(len(found.trials))
            verdicts.update(trial.measurement.verdict for trial in found.trials)
    shares.sort()
    return Simulated(
        num_cards=len(shares),
        share_of_95=shares[len(shares) // 20],
        share_of_99=shares[len(shares) // 100],
        median_share=statistics.median(shares),
        num_probes=sum(probes),
        mean_probes=statistics.fmean(probes),
        most_probes=max(probes),
        num_out_of_memory=verdicts["oom"],
        num_retried=verdicts["alloc_retries"],
    )


def searched(gpu: SimulatedGpu, effective: int, *, grows: bool) -> tuple[Sequence[Shape], Search]:
    """Search on one card; also return what could be tried."""
    choices = shapes(effective, grows=grows)

    def measure(batch: int, accumulation: int) -> Measurement:
        return gpu.measure(Shape(batch=batch, accumulation=accumulation))

    return choices, search(choices, gpu.forecast, measure, gpu.room)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print a line for both ways; return the exit code."""
    options = _parser().parse_args(arguments)
    found = {name: simulate(options.cards, grows=name == "grows") for name in ("kept", "grows")}
    for name, result in found.items():
        print(
            f"effective batch {name:<5}  {result.num_cards} cards: 95 of 100 reach {result.share_of_95:.3f} of the "
            f"sweep's best, 99 of 100 {result.share_of_99:.3f}, median {result.median_share:.3f}; "
            f"{result.mean_probes:.2f} probes, {result.most_probes} at most; {result.num_out_of_memory} out of memory, "
            f"{result.num_retried} with retries"
        )
    if options.figures:
        whole = {
            "goals": GOALS,
            "num_cards": sum(result.num_cards for result in found.values()),
            "most_probes": max(result.most_probes for result in found.values()),
            "num_probes": sum(result.num_probes for result in found.values()),
            "num_out_of_memory": sum(result.num_out_of_memory for result in found.values()),
            "num_retried": sum(result.num_retried for result in found.values()),
        }
        parts = {name: asdict(result) for name, result in found.items()}
        print(write_figures(Path(__file__).name, {**whole, **parts}), file=sys.stderr)
    return 0


def _cards(text: str) -> int:
    if not text.isdecimal() or int(text) < 100:  # noqa: PLR2004 - of fewer there is no 99 of 100
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 100")
    return int(text)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cards", metavar="N", type=_cards, default=CARDS, help="simulated cards, twice")
    parser.add_argument("--figures", action="store_true", help="write what the pages quote")
    return parser


if __name__ == "__main__":
    sys.exit(main())
