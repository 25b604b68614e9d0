"""Recipes as tests of any project: `def test_recipe(kb_recipe)`, or `pytest --kb-recipes 't4/*'` without a test.

Every start of pytest imports this file wherever recipe-kb is installed, so it imports nothing but pytest: what a
recipe needs is imported when one is asked for. pytest's own help is English in every language, and so are the helps
of these options.
"""

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from recipe_kb.pytest_plugin.recipe import KbRecipe

FIXTURE = "kb_recipe"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options; without them nothing happens."""
    group = parser.getgroup("recipe-kb", "recipe-kb: fine-tuning recipes trained for real, briefly")
    group.addoption(
        "--kb-recipes",
        action="append",
        metavar="GLOB",
        help="recipes to train, for example 't4/*' or h200/biobert/8t-512-full; may be repeated. Without a test that "
        "uses the fixture kb_recipe each recipe is a test of its own",
    )
    group.addoption("--kb-device", choices=["auto", "cpu", "cuda"], default="auto", help="where to train")
    group.addoption("--kb-as-gpu", metavar="GPU", help="play this smaller card: its memory, not its speed")
    group.addoption(
        "--kb-baseline", action="store_true", help="compare with recorded evidence; worse, or nothing recorded, fails"
    )
    group.addoption("--kb-steps", type=_at_least(2, int), metavar="N", help="optimizer steps (enough by default)")
    group.addoption(
        "--kb-timeout", type=_at_least(1, float), metavar="S", help="seconds after which one training is stopped"
    )
    parser.addini("kb_recipes", "recipes that the fixture kb_recipe stands for, as in --kb-recipes", type="args")


def pytest_sessionstart(session: pytest.Session) -> None:
    """Refuse a choice that chooses nothing before anything is collected."""
    if _choice(session.config):
        from recipe_kb.pytest_plugin.choice import check_choice

        check_choice(_choice(session.config))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Call each test that uses the fixture once per recipe."""
    if FIXTURE not in metafunc.fixturenames or _is_parametrised(metafunc):
        return
    from recipe_kb.pytest_plugin.choice import recipe_ids

    found = recipe_ids(metafunc.config, _choice(metafunc.config))
    if isinstance(found, str):
        nothing = pytest.param(None, id="no-recipe", marks=pytest.mark.skip(reason=found))
        metafunc.parametrize(FIXTURE, [nothing], indirect=True)
    else:
        metafunc.parametrize(FIXTURE, found, ids=found, indirect=True)


@pytest.fixture(scope="session")
def kb_recipe(request: pytest.FixtureRequest) -> "KbRecipe":
    """One of the chosen recipes; `validate()` trains it here, `assert_passed()` fails with what was found."""
    from recipe_kb.pytest_plugin.recipe import recipe_of

    return recipe_of(request.config, request.param)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(session: pytest.Session, config: pytest.Config, items: list[pytest.Item]) -> None:
    """Make each recipe of the command line a test of its own where no collected test uses the fixture."""
    typed = config.getoption("kb_recipes")
    if typed and not any(FIXTURE in getattr(item, "fixturenames", ()) for item in items):
        from recipe_kb.pytest_plugin.items import items_of

        items += items_of(session, typed)


def _choice(config: pytest.Config) -> list[str]:
    """Return what was chosen: the command line wins over the configuration file."""
    return list(config.getoption("kb_recipes") or config.getini("kb_recipes"))


def _is_parametrised(metafunc: pytest.Metafunc) -> bool:
    """Say whether the test names its recipes itself, by `parametrize(..., indirect=True)`."""
    for marker in metafunc.definition.iter_markers("parametrize"):
        names = marker.args[0] if marker.args else marker.kwargs.get("argnames", ())
        if FIXTURE in ([name.strip() for name in names.split(",")] if isinstance(names, str) else names):
            return True
    return False


def _at_least(least: int, number: type) -> Any:
    def convert(text: str) -> int | float:
        value: int | float = number(text)
        if not value >= least:  # a NaN is no number of seconds either
            raise ValueError
        return value

    convert.__name__ = f"number of at least {least}"  # what argparse calls it in its message
    return convert
