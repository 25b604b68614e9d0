"""The tables of options are those of the commands, and the page of commands has a table for each command."""

import re

import click
import pytest

from checkout import ROOT
from recipe_kb import i18n
from recipe_kb.cli.group import COMMANDS, global_options, root_group
from recipe_kb.errors import BadInputError
from recipe_kb.site.blocks.options import make
from recipe_kb.site.references import reference_calls, render

GLOBAL = {name for option in global_options() for name in option.opts}
SITE = ("site accept", "site build", "site cells", "site check", "site serve")


def spellings(html):
    """Return every spelling of an option that a table has."""
    first = re.findall(r'<th scope="row"><code>(.*?)</code></th>', html)
    return {spelling for cell in first for spelling in re.split(r", | / ", cell)}


@pytest.mark.parametrize("language", i18n.LANGUAGES)
@pytest.mark.parametrize("name", [name for name in COMMANDS if name != "site"])
def test_every_option_of_a_command_has_a_row(facts, name, language):
    i18n.activate(language)
    command = root_group().get_command(click.Context(root_group()), name)
    own = [option for option in command.params if isinstance(option, click.Option)]
    expected = {spelling for option in own for spelling in (*option.opts, *option.secondary_opts)} - GLOBAL
    html = make(facts, name)
    assert spellings(html) == expected
    assert html.startswith(f"<pre><code>kb {name} [OPTIONS]")
    assert all(option.help in html for option in own if option.name == "gpu")


def cells(facts, command):
    """Return the rows without what a phone shows above each value."""
    return re.sub(' data-label="[^"]*"', "", make(facts, command))


def test_values_defaults_and_what_is_required_are_said(facts):
    rows = {row.split("</code>")[0].rpartition("<code>")[2]: row for row in cells(facts, "recipe").splitlines()}
    assert "<code>full</code> <code>lora</code> <code>qlora</code></td> <td><code>full</code>" in rows["--method"]
    assert "<code>1</code> to <code>64</code></td> <td><code>1</code>" in rows["--tasks"]
    assert "<td>required</td>" in rows["--model"]
    assert rows["--explain"].endswith("<td></td> <td></td></tr>")
    assert "Sentinel" not in str(rows)
    assert "<code>--ladder / --no-ladder</code></th>" in make(facts, "validate")
    assert "<td></td> <td><code>--ladder</code></td></tr>" in cells(facts, "validate")
    assert "<code>300</code>" in make(facts, "validate")


def test_what_every_command_takes_is_a_table_of_its_own(facts):
    assert spellings(make(facts)) == GLOBAL | {"--version", "--help", "-h"}


def test_a_column_that_no_option_fills_is_left_out(facts):
    heads = re.findall(r'<th scope="col">(.*?)</th>', make(facts, "list"))
    assert heads == ["option", "what it does", "values"]


def test_a_command_without_options_has_its_usage_only(facts):
    assert make(facts, "doctor") == "<pre><code>kb doctor [OPTIONS]</code></pre>"


def test_words_are_those_of_the_language(facts):
    i18n.activate("vi")
    assert '<th scope="col">mặc định</th>' in make(facts, "recipe")
    assert "bắt buộc" in make(facts, "recipe")


@pytest.mark.parametrize(
    ("name", "says"), [("recipes", "Did you mean recipe"), ("site biuld", "build"), ("check it", "it")]
)
def test_an_unknown_command_is_an_error(facts, name, says):
    with pytest.raises(BadInputError, match=says) as error:
        render(f"{{{{ options('{name}') }}}}", facts, "x.md")
    assert error.value.problems[0].code == "KB403"


@pytest.mark.parametrize("language", i18n.LANGUAGES)
def test_the_page_of_commands_has_a_table_for_each(language):
    page = (ROOT / "docs" / language / "commands.md").read_text(encoding="utf-8")
    named = {name for name in COMMANDS if name != "site"} | {*SITE, ""}
    assert {call for call in reference_calls(page) if call.startswith("options(")} == {
        f"options('{name}')".replace("''", "").replace(" ", "") for name in named
    }
