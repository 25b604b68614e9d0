"""Which batches a sweep measures: all small ones, and from some point on every so many rows."""

from collections.abc import Iterator

from recipe_kb.tune.candidates import MOST_ROWS, ROW_MULTIPLE

NUM_PROBES = 20
"""About so many until memory runs out, whatever the card: each costs ten seconds of starting at least."""


def swept(every: int) -> Iterator[int]:
    """Yield the batches of a sweep in rows: powers of two below `every`, and from there its multiples."""
    batch = 1
    while batch < every:
        yield batch
        batch *= 2
    yield from range(every, MOST_ROWS + 1, every)


def every_for(largest: int) -> int:
    """Return the smallest step, in rows, with which a sweep gets beyond a batch within `NUM_PROBES`.

    Args:
        largest: Rows that are thought to fit.
    """
    for every in range(ROW_MULTIPLE, MOST_ROWS, ROW_MULTIPLE):
        if sum(batch <= largest for batch in swept(every)) < NUM_PROBES:
            return every
    return MOST_ROWS
