"""Rules as people type them: which of them to apply, and what one of them says."""

import click

from recipe_kb.cli.group import terminal_width
from recipe_kb.cli.output import paragraph, title
from recipe_kb.errors import BadInputError, Problem
from recipe_kb.i18n import _, language
from recipe_kb.text import nearest


def chosen(select: tuple[str, ...], ignore: tuple[str, ...]) -> list[str]:
    """Return the names of the rules to apply."""
    from recipe_kb.lint.registry import RULES

    wanted = {_rule_named(code) for word in select for code in word.split(",") if code.strip()}
    unwanted = {_rule_named(code) for word in ignore for code in word.split(",") if code.strip()}
    return [name for name in RULES if (not wanted or name in wanted) and name not in unwanted]


def _rule_named(typed: str) -> str:
    """Return the name of a rule from its code or its name.

    Raises:
        BadInputError: No rule is called that.
    """
    from recipe_kb.lint.registry import RULES

    wanted = typed.strip()
    for name, rule in RULES.items():
        if wanted.upper() == rule.CODE or wanted.lower() == name:
            return name
    what = _("No rule is called {name!r}.").format(name=wanted)
    offered = nearest(wanted, [*RULES, *(rule.CODE for rule in RULES.values())], limit=2)
    if offered:
        what += " " + _("Did you mean {names}?").format(names=_(" or ").join(offered))
    raise BadInputError(Problem(code="KB595", what=what, next_command="kb lint --explain KB505"))


def explain_rule(typed: str) -> None:
    """Print the page of a rule, with an example that it finds something in and one that it lets pass."""
    from recipe_kb.lint.formats.text import severity_word
    from recipe_kb.lint.registry import RULES
    from recipe_kb.lint.rule import page_of

    name = _rule_named(typed)
    rule, width = RULES[name], terminal_width()
    heading, paragraphs = page_of(rule, language())
    title(f"{rule.CODE} {name} ({severity_word(rule.SEVERITY)})")
    for text in (f"{heading}.", *paragraphs):
        click.echo()
        paragraph(text, width)
    for words, example in ((_("It finds something in:"), rule.BAD[0]), (_("It lets pass:"), rule.GOOD[0])):
        click.echo(f"\n  {words}\n")
        click.echo("".join(f"      {line}\n" for line in example.splitlines()), nl=False)
    if rule.SOURCES:
        click.echo()
        paragraph(", ".join(source.replace(":", " ", 1) for source in rule.SOURCES), width, first=_("Sources: "))
