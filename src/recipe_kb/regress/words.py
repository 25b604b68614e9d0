"""A comparison in words, in the active language: the lines that the command line and the JUnit report share."""

from typing import Any

from recipe_kb.i18n import _, gib, ngettext, number, percent
from recipe_kb.regress.compare import Comparison, Outcome
from recipe_kb.regress.metrics import Row, Why
from recipe_kb.schema.reasons import in_language
from recipe_kb.schema.recipe import Settings

Line = tuple[str, str, str]
"""What it is about, the values, what follows from them."""

_SHOWN_HASH = 12
"""Characters of a hash that tell two texts of one recipe apart."""


def outcome_words(outcome: Outcome) -> str:
    """Name an outcome."""
    return {
        "same": _("as before"),
        "improved": _("better than before"),
        "regression": _("worse than before"),
        "failed": _("did not pass"),
        "not_comparable": _("not comparable with what is on record"),
        "no_baseline": _("nothing on record to compare with"),
    }[outcome]


def summary(comparison: Comparison) -> str:
    """Write what decided the outcome in one line."""
    run = comparison.run
    if run.verdict != "passed":
        return f"{run.verdict}: {in_language(run.reason)}" if run.reason else run.verdict
    causes = [f"{name} {values}" for name, values, _what in map(_row, _decisive(comparison))]
    causes += [name for name, _values, _what in _differences(comparison)]
    words = outcome_words(comparison.outcome)
    return f"{words}: {', '.join(causes)}" if causes else words


def lines(comparison: Comparison) -> list[Line]:
    """Write what was compared, what came of it, or why it was not: one line each."""
    return [*_runs(comparison), *map(_row, comparison.rows), *_differences(comparison)]


def remedy(comparison: Comparison) -> str | None:
    """Return the command that makes a comparison possible next time; None where there is one already."""
    run = comparison.run
    if comparison.outcome not in {"no_baseline", "not_comparable"}:
        return None
    if run.verdict == "unsupported":
        return "kb doctor"
    device = " --device cpu" if run.mode == "cpu" else ""
    if run.emulation:
        device = f" --as-gpu {run.emulation.gpu}" if run.emulation.capped_at == "card" else " --at-prediction"
    # Recording what is not comparable gives no baseline; what disturbed the run has to end first.
    disturbed = any(row.why == "not_comparable" and row.now is None for row in comparison.rows)
    return f"kb validate {run.recipe}{device} --{'baseline' if disturbed else 'record'}"


def _decisive(comparison: Comparison) -> list[Row]:
    """Return the figures that are beyond their limit, or that should have been compared and were not."""
    if comparison.outcome == "not_comparable":
        return [row for row in comparison.rows if row.why in {"not_comparable", "measured_on_one_side"}]
    finding = {"regression": "worse", "improved": "better"}.get(comparison.outcome)
    return [row for row in comparison.rows if row.finding == finding]


def _runs(comparison: Comparison) -> list[Line]:
    run, found = comparison.run, []
    if comparison.num_failed:
        count = ngettext("{failed} of {count} run", "{failed} of {count} runs", comparison.num_runs)
        count = count.format(failed=comparison.num_failed, count=comparison.num_runs)
        found.append((_("did not pass"), count, summary(comparison)))
    if comparison.baseline:
        num_records = len(comparison.baseline)
        records = ngettext("{count} record of {day}", "{count} records of {day}", num_records)
        found.append((_("baseline"), records.format(count=num_records, day=comparison.baseline[0].started[:10]), ""))
    found += [(_("not comparable"), in_language(reason), "") for reason in run.not_comparable]
    return found


def _row(row: Row) -> Line:
    change = "" if row.change is None else f" ({_signed(row.change, 1)})"
    values = f"{_value(row.name, row.before)} -> {_value(row.name, row.now)}{change}"
    if row.why:
        return _figures()[row.name], "-" if row.before is None and row.now is None else values, _why()[row.why]
    if row.finding == "worse":
        limit = {"less": f"+{percent(row.limit)}", "more": f"-{percent(row.limit)}", "same": f"±{percent(row.limit)}"}
        return _figures()[row.name], values, _("worse; the limit is {limit}").format(limit=limit[row.better])
    return _figures()[row.name], values, _("better") if row.finding == "better" else _("within limits")


def _differences(comparison: Comparison) -> list[Line]:
    names = _parts()
    return [
        (names.get(one.name, one.name), f"{_part(one.name, one.before)} -> {_part(one.name, one.now)}", _("differs"))
        for one in comparison.differences
    ]


def _signed(share: float, digits: int) -> str:
    rounded = round(share, digits + 2)
    return ("+" if rounded >= 0 else "") + percent(rounded + 0.0, digits)


def _value(name: str, value: float | None) -> str:
    if value is None:
        return "-"
    return gib(value) if name.endswith("_bytes") else number(value, 3)


def _part(name: str, value: Any) -> str:
    if name.endswith("_bytes") and isinstance(value, int):
        return gib(value)
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "-"
    text = "-" if value is None else str(value)
    return text[:_SHOWN_HASH] if name.endswith("sha256") else text


def _figures() -> dict[str, str]:
    return {
        "peak_allocated_bytes": _("peak memory allocated"),
        "peak_reserved_bytes": _("peak memory reserved"),
        "samples_per_s": _("samples per second"),
        "loss_first": _("loss at the start"),
    }


def _why() -> dict[Why, str]:
    return {
        "not_measured": _("not compared: not measured here"),
        "measured_on_one_side": _("not compared: measured on one side only"),
        "not_comparable": _("not compared: no run is comparable"),
        "other_schedule": _("not compared: another number of steps"),
    }


def _parts() -> dict[str, str]:
    """Name the parts that are neither packages nor settings of the recipe."""
    named = {
        "recipe_sha256": _("text of the recipe"),
        "gpu_total_bytes": _("memory of the GPU"),
        "driver": _("driver"),
        "allocator": _("allocator settings"),
        "attention": _("attention kernel"),
        "weights": _("weights"),
        "cpu": _("processor"),
        "num_cores": _("processor cores"),
        "torch_num_threads": _("threads of torch"),
        "num_steps": _("optimizer steps"),
        "capped_bytes": _("memory that torch may take"),
        "switched_off": _("kernels switched off"),
    }
    assert not set(named) & set(Settings.__dataclass_fields__)  # noqa: S101 - a setting keeps its own name
    return named
