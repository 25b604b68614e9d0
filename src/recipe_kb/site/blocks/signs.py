"""Good and bad signs of the guides about one figure, and what they are worth."""

from typing import get_args

from markupsafe import Markup

from recipe_kb.i18n import _, language, number, percent
from recipe_kb.schema.signs import Metric, Sign
from recipe_kb.site.blocks import HERE
from recipe_kb.site.facts import Facts
from recipe_kb.site.markup import badge, link, table
from recipe_kb.site.page import address
from recipe_kb.text import nearest


def make(facts: Facts, *metrics: str) -> Markup:
    """Write the signs about some figures as a table.

    Raises:
        ValueError: There is no such figure.
    """
    for metric in metrics:
        if metric not in get_args(Metric):
            offered = _(" or ").join(nearest(metric, get_args(Metric)))
            what = _("There is no {kind} {name!r}.").format(kind="metric", name=metric)
            raise ValueError(f"{what} {offered}")
    rows = [
        (_range(sign), _said(sign), sign.reason.get(language()), badge(sign.verdict, sign.verdict, _claims(sign)))
        for metric in metrics
        for sign in facts.store.signs()
        if sign.metric == metric
    ]
    headers = (_("threshold"), _("what the guide takes it for"), _("why"), _("verdict"))
    return table(headers, rows, _("Signs"))


def _range(sign: Sign) -> str:
    low, high = (None if end is None else _figure(sign.metric, end) for end in (sign.low, sign.high))
    if low and high:
        return _("{low} to {high}").format(low=low, high=high)
    return _("from {low}").format(low=low) if low else _("up to {high}").format(high=high)


def _figure(metric: Metric, value: float) -> str:
    if metric.endswith("_share"):
        return percent(value)
    digits = 0 if value == int(value) else 1
    return {
        "device_used_gib": _("{value} GiB"),
        "steps_per_s": _("{value} steps/s"),
        "samples_per_s": _("{value} samples/s"),
    }[metric].format(value=number(value, digits))


def _said(sign: Sign) -> Markup:
    sides = ((_("below"), sign.below), (_("within"), sign.within), (_("above"), sign.above))
    return Markup("; ").join(f"{side}: {text.get(language())}" for side, text in sides if text)


def _claims(sign: Sign) -> Markup:
    return Markup(", ").join(link(address(HERE, f"claims/{name[:3]}", f"c{name}"), name) for name in sign.claims)
