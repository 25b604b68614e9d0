"""What a review of the built pages found."""

import html
import re

from recipe_kb.site.languages import speaking
from recipe_kb.site.pages import changes
from recipe_kb.site.recipe_evidence import evidence_part
from recipe_kb.site.shared import recipe_table

RECIPE = "t4/biobert/8t-512-full"


def heads(table):
    return [re.sub(r"<[^>]+>", "", cell) for cell in re.findall(r"<th(?![a-z])[^>]*>(.*?)</th>", str(table))]


def test_the_page_of_a_card_does_not_repeat_the_card(facts):
    with speaking("en"):
        everywhere = recipe_table(facts, [RECIPE], "recipes/index", "Recipes")
        of_gpu = recipe_table(facts, [RECIPE], "gpus/t4", "Recipes")
        of_model = recipe_table(facts, [RECIPE], "models/biobert", "Recipes")
    assert {"GPU", "model"} <= set(heads(everywhere))
    assert "GPU" not in heads(of_gpu)
    assert "NVIDIA Tesla T4" not in of_gpu
    assert "length, method" in heads(of_model)
    assert "NVIDIA Tesla T4" in of_model


def test_what_a_probe_ran_on_is_not_the_whole_memory_of_a_card(facts):
    """One English word, two meanings: `device` is also the memory that nvidia-smi counts."""
    with speaking("vi"):
        text = "".join(map(str, evidence_part(facts, facts.answer(RECIPE), f"recipes/{RECIPE}")))
    assert "train trên" in text
    assert "cả GPU" not in text


def test_a_change_has_a_date_not_a_number(place, facts):
    (page,) = changes.pages(place, facts)
    headings = [str(block) for block in map(html.unescape, map(str, page.blocks)) if block.startswith("## ")]
    assert headings
    assert all(re.match(r"## 20\d\d-\d\d-\d\d: ", line) for line in headings)
