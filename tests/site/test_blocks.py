import re
from html import unescape
from pathlib import Path

import pytest

from recipe_kb import i18n
from recipe_kb.errors import BadInputError
from recipe_kb.site import blocks
from recipe_kb.site.blocks.registry import BLOCKS
from recipe_kb.site.references import render
from recipe_kb.site.truth import Reading, fault, marks

RECIPE = "t4/biobert/8t-512-full"
CALLS = {
    "ladder": f"ladder('{RECIPE}')",
    "licences": "licences()",
    "model_table": "model_table('phobert-base', 'vihealthbert')",
    "options": "options('recipe')",
    "picture": f"picture('{RECIPE}', optim='sgd')",
    "precisions": "precisions()",
    "signs": "signs('kernel_time_share', 'steps_per_s')",
}


def rendered(facts, call, language="en"):
    i18n.activate(language)
    return render(f"{{{{ {call} }}}}", facts, "x.md")


def words(html):
    return unescape(re.sub(r"<[^>]+>", " ", html))


def test_the_registry_is_the_folder():
    files = {path.stem for path in Path(blocks.__file__).parent.glob("*.py")} - {"__init__", "registry"}
    assert files == set(BLOCKS) == set(CALLS)


@pytest.mark.parametrize("language", i18n.LANGUAGES)
@pytest.mark.parametrize("name", BLOCKS)
def test_every_value_of_a_block_is_that_of_the_knowledge_base(facts, name, language):
    html = rendered(facts, CALLS[name], language)
    assert "\n\n" not in html, "Markdown would end the block there"
    reading = Reading(facts.store.root)
    assert [found for mark in marks(html) if (found := fault(mark, reading, language))] == []
    assert bool(marks(html)) == (name not in {"licences", "options", "signs"})


def test_every_card_and_every_model_is_there(facts):
    for call, listed in (("precisions()", facts.store.gpu_ids()), ("licences()", facts.store.model_ids())):
        folder = "gpus" if call == "precisions()" else "models"
        assert sorted(re.findall(rf'href="\.\./{folder}/([^/]+)/"', rendered(facts, call))) == sorted(listed)


def test_a_card_without_a_unit_has_a_dash(facts):
    row = next(row for row in rendered(facts, "precisions()").splitlines() if "Tesla T4" in row)
    assert words(row).split()[-6:] == ["7.5", "8.1", "\N{EN DASH}", "65", "\N{EN DASH}", "fp16"]


def test_rungs_stand_on_those_above(facts):
    html = rendered(facts, CALLS["ladder"])
    sources = [mark.source for mark in marks(html)]
    assert len(sources) == 1 + len(facts.answer(RECIPE).recipe.ladder.out_of_memory)
    assert sources[2].count("per_device_train_batch_size") == 1
    assert "gradient_checkpointing=true" in sources[-1]
    assert "optim=adamw_bnb_8bit" in sources[-1]
    peaks = [float(mark.value) for mark in marks(html)]
    assert peaks == sorted(peaks, reverse=True)


def test_a_picture_has_a_title_and_a_table(facts):
    html = rendered(facts, CALLS["picture"])
    assert "<title>" in html
    assert "optim sgd" in html
    parts = [mark for mark in marks(html) if "#parts." in mark.source]
    assert len(parts) > 3
    total = next(float(mark.value) for mark in marks(html) if mark.source.endswith("#peak_reserved_bytes"))
    assert sum(float(mark.value) for mark in parts) == pytest.approx(total, rel=0.02)
    assert 'id="' not in html, "two pictures on a page would share it"


@pytest.mark.parametrize(
    ("call", "says"),
    [
        ("signs('kernel_time_shar')", "kernel_time_share"),
        ("model_table('phobert')", "no model 'phobert'"),
        ("ladder('nonsense')", "no recipe 'nonsense'"),
        (f"picture('{RECIPE}', optin='sgd')", "Did you mean optim"),
    ],
)
def test_a_block_of_nothing_is_an_error(facts, call, says):
    with pytest.raises(BadInputError) as error:
        rendered(facts, call)
    assert says in error.value.problems[0].what
