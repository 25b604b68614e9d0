"""What fits where: one table of models and GPUs for each method and length; links switch between them."""

from collections.abc import Iterator, Mapping

from markupsafe import Markup

from recipe_kb.i18n import _
from recipe_kb.site.cells import METHODS, Cell, ModelCells, read_cells
from recipe_kb.site.facts import Facts
from recipe_kb.site.markup import TIMES, heading, items, link, paragraph, with_code
from recipe_kb.site.page import Page, address
from recipe_kb.site.place import Place

_FIRST = ("full", 512)
Table = Mapping[str, ModelCells]


def pages(place: Place, facts: Facts) -> Iterator[Page]:
    """Make a page for each method and length of which there are cells."""
    found = {model_id: read_cells(place, model_id) for model_id in facts.store.model_ids()}
    cells = {model_id: one for model_id, one in found.items() if one}
    lengths = sorted({length for one in cells.values() for _method, length, _gpu in one.cells})
    choices: list[tuple[str, int]] = [(method, length) for method in METHODS for length in lengths]
    if _FIRST not in choices:
        choices.append(_FIRST)
    for choice in choices:
        yield _page(facts, cells, choice, choices)


def _path(choice: tuple[str, int]) -> str:
    method, length = choice
    return "fits/index" if choice == _FIRST else f"fits/{method}-{length}"


def _page(facts: Facts, cells: Table, choice: tuple[str, int], choices: list[tuple[str, int]]) -> Page:
    method, length = choice
    path = _path(choice)
    words = _("{method}, {count} tokens").format(method=method, count=length)
    switch = Markup(" ").join(_switch(path, choice, other) for other in choices)
    return Page(
        path=path,
        title=_("What fits where: {choice}").format(choice=words),
        description=_("Which model can be trained on which GPU, and with which batch: {choice}").format(choice=words),
        boost=1 if choice == _FIRST else 0.5,
        blocks=(
            Markup('<nav class="kb-switch" aria-label="{}">{}</nav>').format(_("Method and length"), switch),
            paragraph(
                _("Each cell is the batch size of a derived recipe for one task: predicted, not measured."),
                _("{times} is how often it is accumulated to keep the effective batch size.").format(times=TIMES),
            ),
            items(_legend()),
            _table(facts, cells, choice, path, words),
            heading(2, _("How it was worked out"), "how"),
            paragraph(
                with_code(
                    _(
                        "As `kb recipe` derives it: the largest batch whose predicted peak leaves the margin free, "
                        "first as it is, then with gradient checkpointing, then with an 8-bit optimizer as well."
                    )
                )
            ),
        ),
    )


def _switch(here: str, choice: tuple[str, int], other: tuple[str, int]) -> Markup:
    words = f"{other[0]} {other[1]}"
    if other == choice:
        return Markup('<strong aria-current="page">{}</strong>').format(words)
    return link(address(here, _path(other)), words)


def _legend() -> list[Markup]:
    rows = (
        ("kb-yes", "32", _("fits as it is")),
        (
            "kb-small",
            f"4 {TIMES} 8 c",
            _("fits with accumulation, with checkpointing (c) or with an 8-bit optimizer (8)"),
        ),
        ("kb-no", "\N{EN DASH}", _("not even one row fits")),
    )
    return [Markup('<span class="kb-sample {}">{}</span> {}').format(*row) for row in rows]


def _table(facts: Facts, cells: Table, choice: tuple[str, int], path: str, words: str) -> Markup:
    store = facts.store
    gpu_ids = sorted(store.gpu_ids(), key=lambda gpu_id: (store.gpu(gpu_id).memory.limit_bytes, gpu_id))
    head = Markup(" ").join(
        Markup('<th scope="col" id="{}">{}</th>').format(gpu_id, link(address(path, f"gpus/{gpu_id}"), gpu_id))
        for gpu_id in gpu_ids
    )
    method, length = choice
    rows = []
    for model_id, one in cells.items():
        if (method, length, gpu_ids[0]) in one.cells:
            row = Markup(" ").join(_cell(one.cells.get((method, length, gpu_id))) for gpu_id in gpu_ids)
            name = link(address(path, f"models/{model_id}"), model_id)
            rows.append(Markup('<tr><th scope="row">{}</th> {}</tr>').format(name, row))
    return Markup(
        '<div class="kb-scroll kb-heat" role="region" aria-label="{}" tabindex="0" data-search-exclude>\n<table>\n'
        '<thead><tr><th scope="col">{}</th> {}</tr></thead>\n<tbody>\n{}\n</tbody>\n</table>\n</div>'
    ).format(words, _("model"), head, Markup("\n").join(rows))


def _cell(cell: Cell | None) -> Markup:
    if cell is None:
        return Markup('<td class="kb-no">&ndash;</td>')
    marks = ("c" if cell.checkpointing else "") + ("8" if "8bit" in cell.optim else "")
    times = f" {TIMES} {cell.accumulation}" if cell.accumulation > 1 else ""
    kind = "kb-small" if marks or times else "kb-yes"
    return Markup('<td class="{}">{}</td>').format(kind, f"{cell.batch}{times}{' ' if marks else ''}{marks}")
