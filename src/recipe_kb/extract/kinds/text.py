"""Lines of the form `name: value` or `name = value`, whatever language they belong to.

For blocks without a language, for files that break the rules of theirs, and for what people write into guides.
"""

import re

from recipe_kb.extract.found import MAX_LINE, MAX_VALUES, Entry, Parsed, comment_behind, comment_lines, too_many

_LINE = re.compile(
    r"^[ \t]*(?:[-*•+>]\s+)?(?:export\s+|set\s+)?[\"'`]?"
    r"(?P<name>[^\W\d_][\w .()/\-]{0,60}?|[A-Za-z_][\w.\-\[\]\"']{0,80}?)[\"'`]?"
    r"[ \t]*(?::=|\?=|=(?!=)|:(?![/\\]))[ \t]*(?P<value>\S.*)$"
)
_CODE = re.compile(r"^[A-Za-z_][\w.\-]*$")
_SUBSCRIPT = re.compile(r"^(\w+)\[[\"']([\w.\-]+)[\"']\]$")


def read(text: str) -> Parsed:
    """Return every line that assigns something.

    Raises:
        NotThisKindError: There are more than anybody writes; else it never fails.
    """
    lines = text.split("\n")
    entries = []
    for number, line in enumerate(lines, start=1):
        if len(line) > MAX_LINE or line.lstrip().startswith("#"):
            continue
        match = _LINE.match(line)
        if match:
            entries.append(_entry(match, number))
            if len(entries) > MAX_VALUES:
                raise too_many(number)
    return Parsed(entries=entries, comments=comment_lines(lines))


def _entry(match: re.Match[str], number: int) -> Entry:
    name, rest = match["name"].strip(), match["value"]
    start = match.start("value")
    subscript = _SUBSCRIPT.match(name)
    path = written = name
    if subscript:
        path = written = subscript[2]
    comment = None
    quote = rest[0] if rest[0] in "\"'" else ""
    closing = rest.find(quote, 1) if quote else -1
    if quote and closing > 0:
        value, start = rest[1:closing], start + 1
        comment = comment_behind(rest[closing + 1 :])
    else:
        mark = re.search(r"\s#|\s//", rest)
        value = rest[: mark.start()] if mark else rest
        comment = comment_behind(rest[mark.start() :]) if mark else None
        value = value.rstrip().rstrip(",;\\").rstrip()
    words = not _CODE.match(name)
    return Entry(
        path=path,
        written=written,
        text=value,
        line=number,
        start=start,
        end=start + len(value),
        comment=comment,
        of_words=words or (name.lower() == name.lower().strip("_") and name.isalpha()),
    )
