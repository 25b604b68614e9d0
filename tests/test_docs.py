"""Documentation that cannot rot: commands shown are run, pages come in pairs, every command is described."""

import html
import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from checkout import ROOT
from recipe_kb import i18n
from recipe_kb.cli.group import COMMANDS
from recipe_kb.site.facts import Facts
from recipe_kb.site.guide import read_guide
from recipe_kb.site.place import place_of

PAGES = sorted((*ROOT.glob("README*.md"), *ROOT.glob("CONTRIBUTING*.md"), *ROOT.glob("docs/*/*.md")))
CONSOLE = re.compile(r"^```console\n(.*?)^```", re.MULTILINE | re.DOTALL)
TRAINS_OR_BUILDS = ("kb validate", "kb site")
HEREDOC = re.compile(r"cat > (\S+) <<'EOF'\n(.*?)^EOF$", re.MULTILINE | re.DOTALL)
WRITES = {"--draft", "--fix", "--output", "--write-baseline"}
"""Options that leave a file, which a later example of the page may read."""


def words_of(command):
    return [word for word in shlex.split(command, comments=True)[1:] if word not in {"|", ">"}]


def examples():
    """Yield page, command, the lines shown, and what the page did before: files as name and text, commands as words."""
    for page in PAGES:
        before = []
        for block in CONSOLE.findall(page.read_text(encoding="utf-8")):
            for example in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
                file = HEREDOC.match(example)
                if file:
                    before.append((file[1], file[2]))
                    continue
                command, *shown = example.splitlines()
                if command.startswith("kb ") and not command.startswith(TRAINS_OR_BUILDS):
                    name = f"{page.relative_to(ROOT)}:{command}"
                    yield pytest.param(page, command, shown, tuple(before), id=name)
                    if WRITES.intersection(words_of(command)):
                        before.append(words_of(command))


@pytest.fixture
def folder(tmp_path):
    """Where a reader types: the pages lie there as in a checkout, and what a command writes stays there."""
    for language in ("en", "vi"):
        (tmp_path / "docs" / language).mkdir(parents=True)
        for page in (ROOT / "docs" / language).glob("*.md"):
            shutil.copy(page, tmp_path / "docs" / language)
    return tmp_path


def language_of(page):
    return "vi" if ".vi." in page.name or page.parent.name == "vi" else "en"


@pytest.fixture(scope="module")
def seen():
    """What a command printed that several pages show, by its words and language."""
    return {}


def test_there_are_examples():
    assert len(list(examples())) > 20


@pytest.mark.parametrize(("page", "command", "shown", "before"), list(examples()))
def test_every_line_shown_is_printed_in_this_order(kb, folder, seen, page, command, shown, before):
    for step in before:
        if isinstance(step, tuple):
            (folder / step[0]).write_text(step[1], encoding="utf-8")
        else:
            kb(*step, lang=language_of(page), cwd=folder)
    words = words_of(command)
    key = None if before or WRITES.intersection(words) else (*words, language_of(page))
    result = seen.get(key) or kb(*words, lang=language_of(page), cwd=folder)
    if key:
        seen[key] = result
    assert result.returncode in {0, 1, 2}, result.stderr
    printed = iter((result.stdout + result.stderr).splitlines())
    for line in shown:
        if line.strip() and line.strip() != "...":
            assert any(line.rstrip() == other.rstrip() for other in printed), line


def test_the_pages_pass_our_own_lint(kb):
    result = kb("lint", *PAGES)
    assert result.returncode == 0, result.stdout


def pairs():
    yield from ((ROOT / "docs" / "en" / page.name, page) for page in sorted((ROOT / "docs" / "vi").glob("*.md")))
    yield from ((ROOT / f"{name}.md", ROOT / f"{name}.vi.md") for name in ("README", "CONTRIBUTING"))


def test_pages_come_in_pairs():
    names = [{page.name for page in (ROOT / "docs" / language).glob("*.md")} for language in ("en", "vi")]
    assert names[0] == names[1]
    assert len(names[0]) >= 5


@pytest.mark.parametrize(("english", "vietnamese"), [pytest.param(*pair, id=pair[1].name) for pair in pairs()])
def test_a_pair_has_the_same_headings_and_code(english, vietnamese):
    first, second = (Path(page).read_text(encoding="utf-8") for page in (english, vietnamese))
    for pattern in (r"\{#([\w-]+)\}", r"^(#+) ", r"^```(\w*)"):
        assert re.findall(pattern, first, re.MULTILINE) == re.findall(pattern, second, re.MULTILINE), pattern


@pytest.mark.parametrize("language", ["en", "vi"])
def test_the_arithmetic_of_several_tasks_is_what_the_command_prints(kb, store, language):
    question = ("recipe", "--gpu", "t4", "--model", "biobert", "--json", "--tasks")
    one, eight = (json.loads(kb(*question, str(tasks)).stdout)["memory"] for tasks in (1, 8))
    parts = {name: (one["breakdown"].get(name, 0), bytes_) for name, bytes_ in eight["breakdown"].items()}
    parts["peak"] = one["peak_reserved_bytes"], eight["peak_reserved_bytes"]
    i18n.activate(language)
    guide = read_guide(place_of(store, ROOT), ROOT / "docs" / language / "multi-task.md")
    page = html.unescape(re.sub(r"<[^>]*>", "", guide.rendered(Facts(store))))
    table = [[cell.strip(" *") for cell in line.split("|")[2:-1]] for line in page.splitlines() if line[:1] == "|"]
    figures = [row for row in table if len(row) == 3 and all(re.fullmatch(r"-?[\d.,]+", cell) for cell in row)]
    shown = {tuple(int(re.sub(r"[.,]", "", cell)) for cell in row) for row in figures}
    assert shown == {(before, after, after - before) for before, after in parts.values()}


@pytest.mark.parametrize("language", ["en", "vi"])
def test_every_command_is_described(language):
    text = (ROOT / "docs" / language / "commands.md").read_text(encoding="utf-8")
    for command in COMMANDS:
        assert f"kb {command}" in text


@pytest.mark.slow
def test_the_pages_build_without_a_warning(tmp_path):
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path / "site")]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "site" / "vi" / "multi-task" / "index.html").exists()
    for page in (tmp_path / "site").rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        sources = re.findall(r"<(?:script|img|iframe)[^>]*src=\"?(https?://[^\" >]+)", text)
        sources += re.findall(r"<link[^>]*stylesheet[^>]*href=\"?(https?://[^\" >]+)", text)
        sources += re.findall(r"<link[^>]*href=\"?(https?://[^\" >]+)[^>]*stylesheet", text)
        assert not sources, f"{page} asks another host: {sources}"


def test_nothing_names_where_it_was_made():
    """The text of the project is for strangers: no path of a maker's machine."""
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False).stdout.split()
    if not listed:
        pytest.skip("not a git checkout")
    for name in listed:
        path = ROOT / name
        if path.suffix in {".md", ".yaml", ".yml", ".toml", ".txt", ".py", ".json", ".po"} and path.is_file():
            text = path.read_text(encoding="utf-8")
            assert "/work" + "/main" not in text, name
            assert "/root" + "/" not in text, name
