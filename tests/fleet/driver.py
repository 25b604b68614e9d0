"""`kb` with a played probe and a head that is given up sooner: `driver.py PLAYED_WORDS... -- KB_WORDS...`."""

import functools
import sys
from pathlib import Path

from recipe_kb.cli import validate_ray
from recipe_kb.cli.main import main
from recipe_kb.fleet import head
from recipe_kb.fleet.order import Order

if __name__ == "__main__":
    played, words = sys.argv[1 : sys.argv.index("--")], sys.argv[sys.argv.index("--") + 1 :]
    script = Path(__file__).parents[2] / "benchmarks" / "played_probe.py"
    validate_ray.Order = functools.partial(Order, command=(sys.executable, "-I", "-S", str(script), *played))
    head.GRACE_S = 6.0
    main(words)
