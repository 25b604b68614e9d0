"""A copy of the knowledge base with two cards and two models: its pages are made in seconds."""

import re
import shutil

from checkout import ROOT

KEPT = {"gpus": {"t4", "a100-40gb"}, "models": {"biobert", "llama-3.2-3b"}, "memory": {"biobert", "llama-3.2-3b"}}


def small_copy(folder):
    """Write it below a folder; return its path."""
    root = folder / "kb"
    shutil.copytree(ROOT / "kb", root)
    for name, kept in KEPT.items():
        for path in (root / name).iterdir():
            if path.name.removesuffix(path.suffix) not in kept:
                path.unlink()
    for path in (root / "recipes").glob("*/*/*.yaml"):
        if path.parent.parent.name not in KEPT["gpus"] or path.parent.name not in KEPT["models"]:
            path.unlink()
    return root


def small_checkout(folder, kb=True):
    """Write a checkout of start pages and generated pages below a folder; return it.

    Args:
        folder: To be made.
        kb: Whether a small copy of the knowledge base lies in it.
    """
    for language, title in (("en", "Start"), ("vi", "Bắt đầu")):
        (folder / "docs" / language).mkdir(parents=True)
        (folder / "docs" / language / "index.md").write_text(f"# {title} {{#start}}\n\nText.\n", encoding="utf-8")
    (folder / "docs" / "index.md").write_text("# Start\n", encoding="utf-8")
    config = (ROOT / "mkdocs.yml").read_text(encoding="utf-8").replace("src/recipe_kb", f"{ROOT}/src/recipe_kb")
    generated = r"(index|recipe-picker|\w+/index|glossary|sources|changes|json-api)"
    kept = [
        line
        for line in config.splitlines()
        if not (entry := re.search(r": (?:en|vi)/(.*)\.md$", line)) or re.fullmatch(generated, entry[1])
    ]
    text = re.sub(r"\n *- [^:\n]+:(?=\n *- [^:\n]+:\n|\n\n| *$)", "", "\n".join(kept) + "\n")  # sections left empty
    (folder / "mkdocs.yml").write_text(text, encoding="utf-8")
    (folder / "changelog.d").mkdir()
    if kb:
        small_copy(folder)
    return folder
