"""Every way to write findings, by the word of `--format`."""

from collections.abc import Callable, Sequence

from recipe_kb.lint.finding import Finding
from recipe_kb.lint.formats import github, json_format, sarif, text

FORMATS: dict[str, Callable[[Sequence[Finding]], str]] = {
    "text": text.write,
    "json": json_format.write,
    "sarif": sarif.write,
    "github": github.write,
}
