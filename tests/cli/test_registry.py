from pathlib import Path

import click
import pytest

from recipe_kb.cli import group
from recipe_kb.cli.main import run

INNER = {
    "__init__",
    "crash",
    "diff_sides",
    "entry",
    "extract_draft",
    "group",
    "heading",
    "lint_files",
    "lint_rules",
    "machine",
    "main",
    "output",
    "predict_answer",
    "predict_asked",
    "predict_limits",
    "predict_text",
    "recipe_id",
    "recipe_text",
    "tune_answer",
    "tune_record",
    "tune_text",
    "validate_baseline",
    "validate_choice",
    "validate_machine",
    "validate_fleet",
    "validate_ray",
    "validate_run",
    "validate_text",
}


def test_the_commands_are_the_files_of_the_folder():
    files = {path.stem for path in Path(group.__file__).parent.glob("*.py")} - INNER
    assert {module.rpartition(".")[2] for module in group.COMMANDS.values()} == files


@pytest.mark.parametrize("command", group.COMMANDS)
@pytest.mark.parametrize("language", ["en", "vi"])
def test_every_command_has_help_in_both_languages(command, language, capsys):
    assert run([command, "--help", "--lang", language]) == 0
    text = capsys.readouterr().out
    assert "--json" in text
    assert len(text.splitlines()) > 8


def test_help_differs_by_language(capsys):
    run(["recipe", "--help", "--lang", "en"])
    english = capsys.readouterr().out
    run(["recipe", "--help", "--lang", "vi"])
    vietnamese = capsys.readouterr().out
    assert "Options:" in english
    assert "Options:" not in vietnamese
    shared = {line.strip() for line in english.splitlines()} & {line.strip() for line in vietnamese.splitlines()}
    assert not [line for line in shared if len(line) > 20 and not line.startswith("--")]


def test_every_option_has_help():
    for name in group.COMMANDS:
        command = group.root_group().get_command(click.Context(group.root_group()), name)
        for parameter in command.params:
            assert isinstance(parameter, click.Argument) or parameter.help, (name, parameter.name)
