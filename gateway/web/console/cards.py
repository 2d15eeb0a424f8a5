"""Rows of a table that stand as cards on a narrow screen: each cell says what its column is."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from markupsafe import Markup, escape

_CELL: Final = re.compile(r"<(/tr|t[dhr])((?:\s[^>]*)?)>")
_ROLES: Final = {"tr": "row", "td": "cell", "th": "rowheader"}
"""Said in so many words: what is not shown as a table is not read aloud as one."""

Header = str | Sequence[str] | Mapping[str, Any]
"""As the macro `table` takes it: a text, a text with the class of its column, or what sorts by it."""


def labelled(rows: Markup, headers: Sequence[Header]) -> Markup:
    """Return *rows* with the header of its column at each cell; one that spans several has none.

    What stands in a cell is escaped, so a `<td` is always a cell of ours.
    """
    titles = [_title(header) for header in headers]
    place = 0

    def cell(found: re.Match[str]) -> str:
        nonlocal place
        name, attributes = found[1], found[2]
        if name == "/tr":
            place = 0
            return found[0]
        said = f'{name}{attributes} role="{_ROLES[name]}"'
        if name == "tr":
            return f"<{said}>"
        place += 1
        if "colspan" in attributes or place > len(titles):
            return f"<{said}>"
        return f'<{said} data-label="{escape(titles[place - 1])}">'

    return Markup(_CELL.sub(cell, rows))  # noqa: S704 - the rows are escaped, and so is what is added


def _title(header: Header) -> str:
    if isinstance(header, str):
        return header
    return str(header["text"]) if isinstance(header, Mapping) else header[0]
