"""From lines and columns of a part to those of the file."""

from collections.abc import Mapping
from dataclasses import replace

from recipe_kb.extract.decode import Decoded
from recipe_kb.extract.found import Part
from recipe_kb.schema.configuration import Written


class Place:
    """Where the lines of one part stand."""

    def __init__(self, part: Part, decoded: Decoded) -> None:
        self.part, self.decoded = part, decoded
        self.in_file = part.parsed is not None
        """A table knows its lines already."""

    def line(self, number: int) -> int:
        """Return the line of the file for one of the part."""
        if self.in_file or not self.part.lines:
            return number
        return self.part.lines[max(0, min(number, len(self.part.lines)) - 1)]

    def moved(self, written: Written, comments: Mapping[int, str], head: int | None = None) -> Written:
        """Return a setting with its place in the file and the comments above it.

        Args:
            written: With the line and the columns of the part.
            comments: Of the part: line -> words.
            head: Where the command begins that the setting is a word of; what is said above it is said of the setting.
        """
        offset = 0 if self.in_file else self.part.columns[max(0, min(written.line, len(self.part.columns)) - 1)]
        line = self.line(written.line)
        start, end = written.start, written.end
        if start is None or end is None or offset is None:
            start = end = None
        else:
            start, end = start + offset, end + offset
            raw, shown = self.decoded.raw[line - 1], self.decoded.lines[line - 1]
            if raw != shown and raw[:end] != shown[:end]:
                start = end = None  # the repaired line is shorter than the one in the file
        above = self._above(written.line, comments)
        if not above and head is not None and head < written.line:
            above = self._above(head, comments)
        return replace(written, line=line, start=start, end=end, above=above or None)

    def _above(self, number: int, comments: Mapping[int, str]) -> str:
        """Return the comment lines directly above a line of the part."""
        words: list[str] = []
        while not self.in_file and comments.get(number - 1):
            number -= 1
            words.insert(0, comments[number])
        return " ".join(words)
