"""What people type, and the pages of which one must be found first: `queries_LANGUAGE.tsv`."""

from pathlib import Path

RIGHT_FIRST = 0.9
"""Share of queries whose first result is right."""
LEAST_QUERIES = 40
START = "./"


def written(language):
    """Return each query with its pages as the table has them; one after a question mark may not be there yet."""
    lines = Path(__file__).with_name(f"queries_{language}.tsv").read_text(encoding="utf-8").splitlines()
    rows = (line.partition("\t") for line in lines if line and not line.startswith("#"))
    return [(query, pages.split()) for query, _tab, pages in rows]


def queries(language, site):
    """Return each query that has an answer in this site, with the pages that are right."""
    folder = site / language
    known = (
        (query, [page.removeprefix("?") for page in pages if not page.startswith("?") or is_there(folder, page[1:])])
        for query, pages in written(language)
    )
    return [(query, pages) for query, pages in known if pages]


def is_there(folder, page):
    """Say whether a language's folder of the site has a page."""
    return (folder / page.removesuffix("*")).is_dir()


def is_right(found, wanted):
    """Say whether a page that was found is one of those wanted, or a place on it; a star stands for any end."""
    page = found.partition("#")[0] or START
    return any(page.startswith(one[:-1]) if one.endswith("*") else page == one for one in wanted)
