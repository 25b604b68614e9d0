"""What people type, and the pages of which one must be found first: `queries_LANGUAGE.tsv`."""

from pathlib import Path

RIGHT_FIRST = 0.9
"""Share of queries whose first result is right."""
LEAST_QUERIES = 40


def queries(language):
    """Return each query with the pages that are right, as they begin."""
    lines = Path(__file__).with_name(f"queries_{language}.tsv").read_text(encoding="utf-8").splitlines()
    return [(query, pages.split()) for query, _tab, pages in (line.partition("\t") for line in lines)]


def is_right(page, wanted):
    """Say whether a page is one of those wanted: itself, a place on it; a folder stands for what is in it."""
    alone = page.partition("#")[0]
    return any(alone == one or (one in {"models/", "fits/"} and alone.startswith(one)) for one in wanted)
