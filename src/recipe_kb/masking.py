"""What looks like a token or a password, and the same text without it: a secret is found, and never printed."""

import re

_SHAPES = re.compile(
    r"\b(?:hf_[A-Za-z0-9]{30,200}|gh[pousr]_[A-Za-z0-9]{30,200}|github_pat_\w{40,200}|sk-[A-Za-z0-9_-]{20,200}|"
    r"AKIA[0-9A-Z]{16}|xox[baprs]-[\w-]{10,200}|AIza[\w-]{35})"
)
_PREFIX = re.compile(r"hf_|gh[pousr]_|github_pat_|sk-|AKIA|xox[baprs]-|AIza")
_NAMED = re.compile(
    r"(?:\b|_)(?P<name>token|api_?key|secret|password|passwd|access_?key)[\"']?\]?\s{0,4}[:=]\s{0,4}[\"']?"
    r"(?P<value>[A-Za-z0-9_+/-]{16,200})(?![\w.(])",
    re.IGNORECASE,
)
_PLACEHOLDER = re.compile(r"your|xxx|placeholder|environ|getenv|example|change", re.IGNORECASE)
_LONGEST = 10_000
_FEWEST_DIGITS = 3
_STARS = "****"


def is_token(text: str) -> bool:
    """Say whether a text holds something of the shape of a well-known service's token."""
    return _SHAPES.search(text[:_LONGEST]) is not None


def named_secret(text: str) -> str | None:
    """Return the telling name of a random value in a text, `token` of `HF_TOKEN=...`; None where there is none."""
    match = _NAMED.search(text[:_LONGEST])
    return match["name"] if match and _is_random(match["value"]) else None


def masked(text: str) -> str:
    """Return a text with stars in the place of its secrets: `hub_token: hf_****`."""
    shown = _SHAPES.sub(lambda match: _stars(match[0]), text)
    return _NAMED.sub(_unnamed, shown)


def masked_value(name: str, value: str) -> str:
    """Return the value of a setting; stars where its name and its shape say that it is secret."""
    found = masked(f"{name}={value}") if "\n" not in value else masked(value)
    return found.removeprefix(f"{name}=")


def _stars(secret: str) -> str:
    prefix = _PREFIX.match(secret)
    return (prefix[0] if prefix else "") + _STARS


def _unnamed(match: re.Match[str]) -> str:
    if not _is_random(match["value"]):
        return match[0]
    return match[0].removesuffix(match["value"]) + _STARS


def _is_random(text: str) -> bool:
    """Say whether a value looks drawn: letters and several digits, and no word that stands for a secret."""
    digits = sum(char.isdigit() for char in text)
    return digits >= _FEWEST_DIGITS and digits < len(text) and not _PLACEHOLDER.search(text)
