"""Text whose UTF-8 was once read as Windows-1252 or Mac Roman: back to what it was.

ftfy mends what it is sure of. It is not sure of a single sign or two, and guides are full of those, and it knows
nothing of Vietnamese that went through Mac Roman; so runs of such signs are turned back where that gives UTF-8.
"""

import re
from collections.abc import Sequence

_RUN = re.compile(r"[^\x00-\x7f]+")
_LEADS = {
    "mac-roman": "\u221a\u00ac\u201a\u00b7\u00d4\uf8ff\u0192\u2248\u2206",
    "sloppy-windows-1252": "\u00e2\u00f0\u00c3\u00c2\u00e1\u00c4\u00c6\u00ef",
}
"""What the first byte of a letter or sign in UTF-8 looks like in each."""
_NAMES = {
    "mac-roman": "Mac Roman",
    "macroman": "Mac Roman",
    "sloppy-windows-1252": "Windows-1252",
    "latin-1": "Latin-1",
}
_LOST = re.compile("\u00ef\u00b8(?!\u008f)")
"""The end of U+FE0F, which follows many signs, has no letter in Windows-1252 and gets lost."""


def repair(lines: Sequence[str]) -> tuple[list[str], dict[int, str]]:
    """Mend broken lines.

    Args:
        lines: Of a file.

    Returns:
        All lines, and for each that was mended its number from 1 and the encoding that it went through.
    """
    mended, broken = list(lines), dict[int, str]()
    for position, line in enumerate(lines):
        if line.isascii():
            continue
        better, how = _line(line)
        if better != line and "\n" not in better:
            mended[position], broken[position + 1] = better, how
    return mended, broken


def _line(line: str) -> tuple[str, str]:
    for encoding, leads in _LEADS.items():
        better = _RUN.sub(lambda match, encoding=encoding, leads=leads: _run(match[0], encoding, leads), line)  # type: ignore[misc]
        if better != line:
            return better, _NAMES[encoding]
    import ftfy

    if not ftfy.badness.is_bad(line):
        return line, ""
    better = ftfy.fix_encoding(line)
    if better == line:
        return line, ""
    steps = ftfy.fix_encoding_and_explain(line).explanation or []
    names = [_NAMES.get(step.parameter, step.parameter) for step in steps if step.action == "encode"]
    return better, ", ".join(dict.fromkeys(names)) or "?"


def _run(run: str, encoding: str, leads: str) -> str:
    """Turn one run back, sign by sign; what gives no UTF-8 stays."""
    import ftfy  # noqa: F401 - it registers the sloppy encodings

    if run[0] not in leads:
        return run
    whole = _LOST.sub("\u00ef\u00b8\u008f", run) if encoding != "mac-roman" else run
    try:
        return whole.encode(encoding).decode("utf-8")
    except UnicodeError:
        return run
