from pathlib import Path

import pytest

from checkout import ROOT
from recipe_kb import i18n
from recipe_kb.errors import BadInputError, CannotHereError
from recipe_kb.site import pages
from recipe_kb.site.config import config_of
from recipe_kb.site.languages import NAMES, speaking
from recipe_kb.site.page import address
from recipe_kb.site.pages.registry import KINDS, make_pages
from recipe_kb.site.place import place_of
from recipe_kb.store.store import Store


def test_the_registry_is_the_folder():
    files = {path.stem for path in Path(pages.__file__).parent.glob("*.py")} - {"__init__", "registry"}
    assert files == set(KINDS)


def test_the_languages_are_those_of_the_command():
    assert tuple(NAMES) == i18n.LANGUAGES


def test_every_language_has_the_same_pages(place, facts):
    found = {}
    for language in NAMES:
        with speaking(language):
            found[language] = [page.path for page in make_pages(place, facts)]
    assert found["en"] == found["vi"]
    assert len(set(found["en"])) == len(found["en"]) > 120


def test_every_record_has_a_page(place, facts):
    with speaking("en"):
        found = {page.path for page in make_pages(place, facts)}
    store = facts.store
    wanted = {f"gpus/{one}" for one in store.gpu_ids()} | {f"models/{one}" for one in store.model_ids()}
    wanted |= {f"recipes/{one}" for one in store.recipe_keys()} | {f"rules/{one}" for one in store.rule_ids()}
    wanted |= {f"claims/{guide.id}" for guide in store.guides()}
    assert wanted <= found


@pytest.mark.parametrize(
    ("start", "path", "anchor", "expected"),
    [
        ("index", "gpus/t4", "", "gpus/t4/"),
        ("recipes/index", "gpus/t4", "", "../gpus/t4/"),
        ("recipes/t4/biobert/8t", "gpus/t4", "x", "../../../../gpus/t4/#x"),
        ("changes", "index", "", "../"),
        ("index", "index", "", "./"),
        ("gpus/t4", "fits/index", "t4", "../../fits/#t4"),
    ],
)
def test_addresses_are_relative(start, path, anchor, expected):
    assert address(start, path, anchor) == expected


@pytest.mark.parametrize("language", NAMES)
def test_the_stage_has_the_pages_of_one_language(place, language):
    config = config_of(place, language)
    assert config["theme"]["language"] == language
    other = next(name for name in NAMES if name != language)
    assert f"{other}/" not in str(config["nav"])
    assert "site_url" not in config


def test_without_a_checkout_there_is_no_site(tmp_path):
    with pytest.raises(CannotHereError) as error:
        place_of(Store(ROOT / "kb"), tmp_path)
    assert error.value.problems[0].code == "KB401"


def test_a_configuration_without_pages_of_a_language_is_an_error(tiny):
    path = tiny.root / "mkdocs.yml"
    path.write_text(path.read_text(encoding="utf-8").replace("Tiếng Việt: [", "Tiếng: ["), encoding="utf-8")
    with pytest.raises(BadInputError):
        config_of(tiny, "vi")
    path.write_text("nav: 3", encoding="utf-8")
    with pytest.raises(BadInputError):
        config_of(tiny, "en")
