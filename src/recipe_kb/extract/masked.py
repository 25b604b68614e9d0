"""A configuration without the secrets that stand in it: what is found gets printed, kept and sent around."""

from dataclasses import replace

from recipe_kb.masking import masked, masked_value
from recipe_kb.schema.configuration import Configuration, NotUnderstood, Written


def without_secrets(configuration: Configuration) -> Configuration:
    """Return a configuration with stars in the place of tokens and passwords; they cannot be replaced in the file."""
    return replace(
        configuration,
        label=masked(configuration.label),
        settings=tuple(_setting(one) for one in configuration.settings),
        not_understood=tuple(_missed(one) for one in configuration.not_understood),
    )


def _setting(one: Written) -> Written:
    shown = masked_value(one.written_name, one.written_value)
    comment, above = _words(one.comment), _words(one.above)
    if shown == one.written_value:
        if (comment, above) == (one.comment, one.above):
            return one
        return replace(one, comment=comment, above=above)
    value = masked_value(one.written_name, one.value) if isinstance(one.value, str) else one.value
    return replace(one, value=value, written_value=shown, comment=comment, above=above, start=None, end=None)


def _missed(one: NotUnderstood) -> NotUnderstood:
    text = masked_value(one.name, one.text)
    return one if text == one.text else replace(one, text=text)


def _words(text: str | None) -> str | None:
    return masked(text) if text else text
