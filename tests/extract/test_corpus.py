"""Real-world shapes of configuration, written by hand, with what they hold beside them."""

from pathlib import Path

import pytest
import yaml

from recipe_kb.extract.read import configurations_in

CORPUS = Path(__file__).parent.parent / "data" / "configurations"
EXPECTED = {
    path.name.partition(".")[0]: yaml.safe_load(path.read_text(encoding="utf-8"))
    for path in sorted(CORPUS.glob("*.expected.yaml"))
}
SHAPES = [(folder, name) for folder, files in EXPECTED.items() for name in files]


@pytest.mark.parametrize(("folder", "name"), SHAPES, ids=lambda part: part)
def test_a_shape_gives_what_stands_there(folder, name, store):
    found = configurations_in(CORPUS / folder / name, name, store).configurations
    expected = [one["settings"] for one in EXPECTED[folder][name]]
    assert [{one.name: one.value for one in each.settings} for each in found if each.settings] == expected
    told = [one for one in found if one.settings]
    for each, one in zip(told, EXPECTED[folder][name], strict=True):
        if "label" in one:
            assert each.label == one["label"]
        for key, value in one.get("context", {}).items():
            assert getattr(each.context, key) == value, key


def test_the_corpus_is_what_the_folders_hold():
    files = {(path.parent.name, path.name) for path in CORPUS.glob("*/*")}
    assert files == set(SHAPES)
    assert len(files) >= 100


@pytest.mark.parametrize(("folder", "name"), SHAPES, ids=lambda part: part)
def test_a_place_is_where_the_value_stands(folder, name, store):
    """A program that replaces a value by its columns must hit that value in the file as it is."""
    content = (CORPUS / folder / name).read_bytes().decode("utf-8").replace("\r\n", "\n")
    lines = content.split("\n")
    places = 0
    for configuration in configurations_in(CORPUS / folder / name, name, store).configurations:
        first, last = configuration.lines
        assert 1 <= first <= last <= len(lines)
        for setting in configuration.settings:
            assert 1 <= setting.line <= len(lines)
            if setting.start is not None:
                places += 1
                assert lines[setting.line - 1][setting.start : setting.end] == setting.written_value, setting
    assert places or not any(EXPECTED[folder][name]) or folder == "notebook" or name in WITHOUT_PLACES


WITHOUT_PLACES = {"arithmetic.py"}
"""Files whose values all stand where they cannot be replaced."""
