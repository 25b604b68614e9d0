"""What a parser says of a broken file -> what is wrong and what belongs there, in the user's language.

Parsers speak English only, and each in its own words. What is not in these lists is said without a reason, and the
parser's own words follow in brackets.
"""

import re
from collections.abc import Sequence

from recipe_kb.i18n import N_, _

_Known = Sequence[tuple[str, str]]

_YAML: _Known = (
    (
        r"mapping values are not allowed",
        N_("a second colon on one line; put a value that holds a colon into quotes, or begin a new line"),
    ),
    (
        r"block sequence entries are not allowed",
        N_("a dash of a list where no list can begin; put the list on lines of its own"),
    ),
    (r"tab", N_("a tab where only spaces may stand; replace it by spaces")),
    (
        r"cannot start any token",
        N_("a value begins with a sign that YAML keeps for itself (@ or a backtick); put the value into quotes"),
    ),
    (r"(?:could not find|expected) .*':'", N_("a name without a colon behind it; write name: value")),
    (
        r"expected ',' or '[]}]'",
        N_("a comma, or the bracket that closes, is missing; a [ or { opened before this place is still open"),
    ),
    (
        r"unexpected end of stream|unexpected document indicator|found a document separator",
        N_("a quote that was opened is not closed; write the \" or ' that is missing"),
    ),
    (
        r"did not find expected key|expected '-' indicator|expected <block end>|while parsing a block",
        N_("this line belongs to none of the lists and names above it; indent it as far as the line that it goes with"),
    ),
    (
        r"alphabetic or numeric character",
        N_("* and & mean something in YAML at the start of a value; put the value into quotes"),
    ),
    (
        r"escape character|hexdecimal|hexadecimal",
        N_("\\ means something between \" and \"; write \\\\, or take ' and '"),
    ),
    (r"expected <document start>", N_("something stands behind the end of the document; begin the next with ---")),
    (r"undefined tag", N_("a word that begins with ! is a tag, and nobody has declared it; put the value into quotes")),
    (r"special characters|control characters", N_("a character that no text holds; delete it")),
)
_PYTHON: _Known = (
    (r"too many nested", N_("too many brackets inside each other")),
    (r"was never closed|unexpected EOF", N_("a bracket that was opened is not closed")),
    (r"unmatched|does not match", N_("a bracket closes that was not opened, or another one was")),
    (r"unterminated|EOL while scanning|EOF while scanning", N_("a quote that was opened is not closed")),
    (r"Missing parentheses in call to 'print'", N_("print without brackets, as in Python 2; expected print(...)")),
    (r"unexpected indent|unindent|inconsistent use of tabs", N_("the line is not indented as those around it")),
    (r"expected an indented block", N_("the block that the line above announces is missing; indent it")),
    (r"expected ':'", N_("the colon at the end of the line is missing")),
    (r"forgot a comma", N_("a comma or an operator is missing between two values")),
    (r"invalid character|non-printable", N_("a character that Python does not know, such as a typographic quote")),
    (r"leading zeros|invalid decimal literal|invalid .* literal", N_("what begins like a number is none")),
    (r"cannot assign|Maybe you meant '==' ", N_("the left side of = can hold no value")),
    (r"positional argument follows keyword", N_("an argument without a name stands behind one with a name")),
    (r"invalid syntax", N_("Python can begin or go on with nothing of the kind here")),
)
_TOML: _Known = (
    (r"Expected '='", N_("a name without = behind it; write name = value")),
    (r"Invalid value", N_("no value of TOML; text stands in quotes, and true and false in small letters")),
    (r"Cannot overwrite|Cannot declare|twice|Duplicate|already", N_("a name that has a value already")),
    (r"Unclosed array|Unclosed inline table", N_("a comma, or the bracket that closes, is missing")),
    (r"Unterminated string|Expected \"'\"|Illegal character", N_("a quote that was opened is not closed")),
    (r"Expected newline", N_("a second value on one line; begin a new line")),
    (r"Expected '\]", N_("the ] that closes the name of a table is missing")),
    (r"Invalid statement|Invalid initial character", N_("neither a name nor a [table]; put an odd name into quotes")),
    (r"Unescaped|escape", N_("\\ means something between \" and \"; write \\\\, or take ' and '")),
)
_JSON: _Known = (
    (r"Expecting property name", N_('a name in " is missing, or a comma stands before the end')),
    (r"Expecting ':'", N_("the colon behind a name is missing")),
    (r"Expecting ','", N_("a comma, or the bracket that closes, is missing")),
    (r"Expecting value", N_('a value is missing; text stands in ", and true, false and null in small letters')),
    (r"Unterminated string|Invalid control character", N_('a " that was opened is not closed')),
    (r"escape", N_('\\ means something between " and "; write \\\\')),
    (r"Extra data", N_("something stands behind the end")),
)


def yaml_fault(words: str) -> str:
    """Say what is wrong with YAML, by the words of PyYAML or libyaml."""
    return _said(_("is not valid YAML"), words, _YAML)


def python_fault(words: str) -> str:
    """Say what is wrong with Python, by the words of its own parser."""
    return _said(_("is not valid Python"), words, _PYTHON)


def toml_fault(words: str) -> str:
    """Say what is wrong with TOML, by the words of tomllib."""
    return _said(_("is not valid TOML"), words, _TOML)


def json_fault(words: str) -> str:
    """Say what is wrong with JSON, by the words of the standard library."""
    return _said(_("is not valid JSON"), words, _JSON)


def _said(what: str, words: str, known: _Known) -> str:
    for pattern, meaning in known:
        if re.search(pattern, words):
            return f"{what}: {_(meaning)}"
    return f"{what} ({words})" if words else what
