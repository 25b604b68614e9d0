"""How many cards: the file says what `kb recipe` says, and the page shows it."""

import random

from checkout import ROOT
from recipe_kb.site.cards import count_of, read_cards
from recipe_kb.site.facts import Facts
from recipe_kb.site.pages.cards import pages
from recipe_kb.site.place import Place
from recipe_kb.store.store import Store

PLACE = Place(store=Store(ROOT / "kb"), root=ROOT, build=ROOT / "build")


def test_every_model_and_card_has_a_count():
    cards, store = read_cards(PLACE), PLACE.store
    assert set(cards) == set(store.model_ids())
    assert all(set(one.counts) == set(store.gpu_ids()) for one in cards.values())
    assert {count for one in cards.values() for count in one.counts.values()} == {1, 2, 4, 8, None}


def test_more_memory_never_takes_more_cards():
    counts = read_cards(PLACE)["qwen2.5-7b"].counts
    assert counts["a100-80gb"] <= counts["a100-40gb"]
    assert counts["h200"] == 1


def test_what_the_file_says_is_what_is_worked_out():
    cards = read_cards(PLACE)
    several = [
        (model, gpu) for model, one in cards.items() for gpu, count in one.counts.items() if count not in {1, None}
    ]
    for model, gpu in random.Random(0).sample(several, k=2):  # noqa: S311 - a sample, not a secret
        assert count_of(PLACE, gpu, model, cards[model].length) == cards[model].counts[gpu]


def test_the_page_leaves_out_what_every_card_holds():
    (page,) = pages(PLACE, Facts(PLACE.store))
    text = "".join(str(block) for block in page.blocks)
    assert "llama-3.1-8b" in text
    assert "all-minilm-l6-v2" not in text
