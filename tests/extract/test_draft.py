"""Drafts: `kb check` accepts them, or they say what is missing."""

import shutil

import pytest
import yaml

from recipe_kb.extract.draft import draft
from recipe_kb.extract.read import configurations_in
from recipe_kb.resolve.check import check
from recipe_kb.store.store import Store

GUIDE = """# SciBERT on an L4, 4 tasks, max length 256

```yaml
per_device_train_batch_size: 24
gradient_accumulation_steps: 2
learning_rate: 4.0e-5   # tried once
lion_factor: 3
seed: 7
```
"""


def only(text, store, name="guide.md"):
    (found,) = configurations_in(text, name, store).configurations
    return found


def test_a_whole_draft_says_where_each_value_comes_from(store):
    made = draft(store, only(GUIDE, store))
    assert str(made.key) == "l4/scibert/4t-256-full"
    assert made.missing == ()
    assert (made.recipe.origin, made.recipe.status) == ("derived", "predicted")
    assert made.recipe.effective_batch_size == 48
    assert made.recipe.settings.learning_rate == 4e-5
    said = made.recipe.provenance["learning_rate"].assumption
    assert "guide.md:6" in said.en
    assert "guide.md:6" in said.vi
    assert made.recipe.provenance["weight_decay"].assumption is None
    assert made.left_out == ("seed = 7, guide.md:8",)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("```yaml\nbatch_size: 8\n```", ["gpu:", "model:"]),
        ("On a T4:\n```yaml\nbatch_size: 8\n```", ["model:"]),
        ("BioBERT on a T4:\n```yaml\nbatch_size: 4096\n```", ["exceeds", "already"]),
        ("SciBERT on a P100 with 9 tasks:\n```yaml\nbf16: true\ntf32: true\n```", ["bf16", "TF32"]),
        ("PhoBERT on an L4, max length 512:\n```yaml\nbatch_size: 8\n```", ["at most"]),
    ],
)
def test_what_is_missing_is_said(text, words, store):
    made = draft(store, only(text, store))
    assert len(made.missing) == len(words)
    for missing, word in zip(made.missing, words, strict=True):
        assert word in missing


def test_what_the_document_leaves_open_is_assumed_aloud(store):
    made = draft(store, only("SciBERT on an L4:\n```yaml\nbatch_size: 16\n```", store))
    assert [
        "one was assumed" in text.en or "tokens were assumed" in text.en for text in made.recipe.assumptions[-2:]
    ] == [
        True,
        True,
    ]


def test_without_workers_nothing_is_said_about_them(store):
    made = draft(store, only("SciBERT on an L4:\n```yaml\ndataloader_num_workers: 0\nlr: 1e-5\n```", store))
    assert made.recipe.settings.dataloader_prefetch_factor is None
    assert "dataloader_prefetch_factor" not in made.recipe.provenance


def test_kb_check_accepts_a_draft_that_misses_nothing(kb, tmp_path, broken_kb):
    (tmp_path / "guide.md").write_text(GUIDE, encoding="utf-8")
    result = kb("extract", "guide.md", "--draft", "drafts")
    assert result.returncode == 0, result.stderr
    (written,) = (tmp_path / "drafts").rglob("*.yaml")
    assert written.relative_to(tmp_path).as_posix() == "drafts/guide-4/l4/scibert/4t-256-full.yaml"
    before = {problem.where for problem in check(Store(broken_kb))[0]}
    target = broken_kb / "recipes" / "l4" / "scibert"
    target.mkdir(parents=True)
    shutil.copy(written, target)
    assert [one for one in check(Store(broken_kb))[0] if one.where not in before] == []
    head = written.read_text(encoding="utf-8").splitlines()[:4]
    assert head[0].startswith("# Draft from guide.md:4-8")
    assert any("seed = 7" in line for line in head)


def test_an_incomplete_draft_says_why_and_keeps_what_is_known(kb, tmp_path):
    (tmp_path / "a.md").write_text("```yaml\nbatch_size: 8\nlr: 1e-5\n```\n", encoding="utf-8")
    result = kb("extract", "a.md", "--draft", "out", lang="vi")
    assert result.returncode == 0, result.stderr
    text = (tmp_path / "out" / "a-2" / "incomplete.yaml").read_text(encoding="utf-8")
    assert text.count("# còn thiếu:") == 2
    assert yaml.safe_load(text)["written_in"]["learning_rate"] == "a.md:3"


def test_two_configurations_never_share_a_file(kb, tmp_path):
    (tmp_path / "a.md").write_text(
        "| Setting | Old | New |\n|---|---|---|\n| batch size | 8 | 16 |\n\n"
        "| Free | Use |\n|---|---|\n| 8 GB | `batch=8, accum=2` or `batch=4, accum=4` |\n",
        encoding="utf-8",
    )
    assert kb("extract", "a.md", "--draft", "out").returncode == 0
    assert len(list((tmp_path / "out").rglob("*.yaml"))) == 4
