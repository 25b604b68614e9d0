"""What a YAML file holds is shown as text on a page, in its title, in its address and in the picker."""

import pytest
from test_markup import read

from checkout import ROOT
from recipe_kb.site.facts import Facts
from recipe_kb.site.pages import claims, gpus, models, picker, rules, sources
from recipe_kb.site.place import place_of
from recipe_kb.store.store import Store

WORDS = "<script>alert('x')</script> `a` | {{ b }} \"q\" </title> " + "n" * 500


def hostile(store, monkeypatch):
    """Return facts in which every text that people write is hostile."""
    monkeypatch.setattr(
        Store, "gpu", lambda self, gpu_id, read=Store.gpu: changed(read(self, gpu_id), "name", "architecture")
    )
    monkeypatch.setattr(
        Store,
        "model",
        lambda self, model_id, read=Store.model: changed(read(self, model_id), "licence", "architecture"),
    )
    monkeypatch.setattr(Store, "rule", lambda self, rule_id, read=Store.rule: changed(read(self, rule_id), "formula"))
    return Facts(store)


def changed(record, *names):
    import dataclasses

    from recipe_kb.schema.base import Text

    texts = {name: Text(en=WORDS, vi=WORDS) for name, value in vars(record).items() if isinstance(value, Text)}
    return dataclasses.replace(record, **dict.fromkeys(names, WORDS), **texts)


@pytest.mark.parametrize("kind", [gpus, models, rules, picker], ids=lambda kind: kind.__name__.rpartition(".")[2])
def test_hostile_text_is_shown_as_text(kind, monkeypatch):
    facts = hostile(Store(ROOT / "kb"), monkeypatch)
    flat = " ".join(WORDS.split())
    seen = 0
    for page in kind.pages(place_of(facts.store, ROOT), facts):
        source = page.to_markdown()
        head, _separator, body = source.removeprefix("---\n").partition("\n---\n")
        text, tags = read(body)
        assert "script" not in tags, page.path
        assert "<" not in head
        seen += flat in text
    assert seen > 0


def test_claims_and_sources_have_no_element_of_their_data(monkeypatch):
    facts = Facts(Store(ROOT / "kb"))
    for kind in (claims, sources):
        for page in kind.pages(place_of(facts.store, ROOT), facts):
            _text, tags = read(page.to_markdown().partition("\n---\n")[2])
            assert not tags & {"script", "iframe", "style", "img", "object"}
