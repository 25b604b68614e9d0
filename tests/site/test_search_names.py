"""Names and spellings that search finds pages by: from the knowledge base, for every page that has them."""

import json

import pytest

from recipe_kb.site.search_index import name_pages, whole


@pytest.fixture
def named(facts, tmp_path):
    """Return a function: the entries of an index of the given locations and titles, by location, with their names."""

    def entries(language, *pages):
        path = tmp_path / "search" / "search_index.json"
        path.parent.mkdir(exist_ok=True)
        docs = [{"location": location, "title": title, "text": "", **more} for location, title, more in pages]
        path.write_text(json.dumps({"config": {}, "docs": docs}), encoding="utf-8")
        name_pages(facts, language, tmp_path)
        return {entry["location"]: entry for entry in json.loads(path.read_text(encoding="utf-8"))["docs"]}

    return entries


def test_a_record_is_found_by_every_name_of_it(named, facts):
    pages = [(f"gpus/{gpu_id}/", facts.store.gpu(gpu_id).name, {}) for gpu_id in facts.store.gpu_ids()]
    assert pages
    found = named("en", *pages)
    for gpu_id in facts.store.gpu_ids():
        gpu, entry = facts.store.gpu(gpu_id), found[f"gpus/{gpu_id}/"]
        assert {gpu_id, *gpu.aliases, *gpu.device_names} <= set(entry["tags"])
        assert {whole(name) for name in gpu.aliases} <= set(entry["names"].split())


def test_a_guide_is_found_by_the_spellings_of_the_term_in_its_title(named):
    entry = named("vi", ("learning-rate/", "Learning rate và warm-up", {}))["learning-rate/"]
    assert {"tỉ lệ học", "lr", "warmup", "khởi động"} <= set(entry["tags"])
    assert {"tilehoc", "lr", "warmup", "khoidong"} <= set(entry["spelled"].split())


def test_a_guide_is_found_by_the_spellings_of_the_term_in_its_tags(named):
    entry = named("en", ("where/", "Where it goes", {"tags": ["GPU memory"]}))["where/"]
    assert "VRAM" in entry["tags"]


def test_an_entry_of_the_glossary_is_found_by_its_spellings(named):
    entry = named("en", ("glossary/", "Glossary", {}), ("glossary/#lora", "LoRA", {}))["glossary/#lora"]
    assert "adapter" in entry["tags"]
    assert entry["page"] == "Glossary"


def test_english_pages_have_no_vietnamese_words(named, facts):
    pages = [(f"glossary/#{term.id}", term.en, {}) for term in facts.store.terms()]
    tags = [tag for entry in named("en", *pages).values() for tag in entry["tags"]]
    assert tags
    assert all(tag.isascii() for tag in tags)


def test_sections_do_not_repeat_the_tags_of_their_page(named):
    found = named("en", ("a/", "A", {"tags": ["x"]}), ("a/#b", "B", {"tags": ["x"]}))
    assert found["a/"]["tags"] == ["x"]
    assert "tags" not in found["a/#b"]


def test_a_list_counts_more_than_its_records_and_those_more_than_their_sections(named):
    pages = ("models/", "models/gpt2/", "models/gpt2/#network")
    weights = [entry["boost"] for entry in named("en", *((page, "x", {}) for page in pages)).values()]
    assert weights == sorted(weights, reverse=True)
    assert len(set(weights)) == 3


@pytest.mark.parametrize(
    ("name", "one_word"),
    [
        ("RTX 3070", "rtx3070"),
        ("tích luỹ", "tichluy"),
        ("Optimizers", "optimizer"),
        ("loss", "loss"),
        ("qwen2.5-0.5b", "qwen2.50.5b"),
    ],
)
def test_whole(name, one_word):
    assert whole(name) == one_word
