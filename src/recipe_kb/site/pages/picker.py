"""The picker: which settings for this GPU, this model, this many tasks. Without a script it is the table of recipes."""

import json
from collections.abc import Iterable, Iterator

from markupsafe import Markup

from recipe_kb.dialects.job import Job
from recipe_kb.dialects.registry import dialect
from recipe_kb.i18n import _
from recipe_kb.schema.recipe import MAX_TASKS
from recipe_kb.site.api import VERSION
from recipe_kb.site.cells import METHODS, lengths_of
from recipe_kb.site.exports import SHOWN
from recipe_kb.site.facts import Facts
from recipe_kb.site.markup import heading, paragraph, with_code
from recipe_kb.site.page import Page
from recipe_kb.site.place import Place
from recipe_kb.site.shared import recipe_table
from recipe_kb.site.words import goal_words, method_words

_PATH = "recipe-picker"
_GOALS = ("balanced", "quality", "speed")


def pages(_place: Place, facts: Facts) -> Iterator[Page]:
    """Make the one page."""
    recipe_ids = [str(key) for key in facts.store.recipe_keys()]
    yield Page(
        path=_PATH,
        title=_("Recipe picker"),
        description=_("Choose GPU, model, tasks, length, method and goal; see the settings and the command."),
        blocks=(
            paragraph(with_code(_("The same answers as `kb recipe`. The address of this page keeps what you choose."))),
            _form(facts),
            Markup('<div class="kb-answer" id="answer" aria-live="polite" data-search-exclude hidden></div>'),
            heading(2, _("Recipes that are kept as files"), "recipes"),
            recipe_table(facts, recipe_ids, _PATH, _("Recipes")),
        ),
        script="picker.js",
    )


def _form(facts: Facts) -> Markup:
    store = facts.store
    cards = [(gpu_id, store.gpu(gpu_id).name) for gpu_id in store.gpu_ids()]
    bare = sorted({key.gpu for key in store.recipe_keys()} - set(store.gpu_ids()))
    cards += [(gpu_id, _("a card of {size}").format(size=gpu_id.removeprefix("vram-").upper())) for gpu_id in bare]
    models = [(model_id, model_id) for model_id in store.model_ids()]
    lengths = {model_id: lengths_of(store.model(model_id)) for model_id in store.model_ids()}
    every_length = sorted({length for some in lengths.values() for length in some})
    tasks = Markup(
        '<label>{} <input name="tasks" type="number" inputmode="numeric" min="1" max="{}" value="1" required></label>'
    ).format(_("tasks"), MAX_TASKS)
    fields = (
        _select("gpu", _("GPU"), cards, "t4"),
        _select("model", _("model"), models, "biobert"),
        tasks,
        _select("max_length", _("tokens per sample"), [(str(length), str(length)) for length in every_length], "512"),
        _select("method", _("method"), [(method, method_words(method)) for method in METHODS], "full"),
        _select("goal", _("goal"), [(goal, goal_words(goal)) for goal in _GOALS], "balanced"),
    )
    words = json.dumps(_words(), ensure_ascii=False)
    return Markup(
        '<form class="kb-picker" data-search-exclude data-api="../../api/{}/" data-recipes="../recipes/" '
        'data-words="{}" data-lengths="{}" data-forms="{}" hidden>\n{}\n</form>'
    ).format(VERSION, words, json.dumps(lengths), json.dumps(_forms(facts)), Markup("\n").join(fields))


def _forms(facts: Facts) -> dict[str, list[str]]:
    """Return all forms of export under an empty name, and under the id of a recipe those that it cannot have."""
    found = {"": list(SHOWN)}
    for key in facts.store.recipe_keys():
        job = Job.of(facts.answer(str(key)))
        impossible = [form for form in SHOWN if dialect(form).why_not(job)]
        if impossible:
            found[str(key)] = impossible
    return found


def _select(name: str, words: str, options: Iterable[tuple[str, str]], chosen: str) -> Markup:
    inner = Markup("").join(
        Markup('<option value="{}"{}>{}</option>').format(value, Markup(" selected") if value == chosen else "", shown)
        for value, shown in options
    )
    return Markup('<label>{} <select name="{}">{}</select></label>').format(words, name, inner)


def _words() -> dict[str, str]:
    """Return what the script says."""
    return {
        "kept": _("A recipe that is kept as a file"),
        "derived": _("Derived by the rules for one task; predicted, not measured."),
        "open": _("Where each number comes from"),
        "nothing": _("Nothing fits on this card."),
        "methods": _("On this card these methods fit:"),
        "cards": _("The smallest cards on which it fits:"),
        "ask": _("This cell is not worked out beforehand; ask for it:"),
        "too_long": _("This model takes at most {limit} tokens here."),
        "unreachable": _("The data of the picker cannot be read here; the table below and the command have the same."),
        "memory": _("memory"),
        "of": _("{peak} of {limit} GiB"),
        "command": _("The command"),
        "exports": _("Take it with you"),
        "write": _("The command writes it in every form:"),
        "setting": _("setting"),
        "value": _("value"),
        "yes": _("yes"),
        "no": _("no"),
        "refuted": _("Refuted"),
        "copy": _("copy"),
        "copied": _("copied"),
    }
