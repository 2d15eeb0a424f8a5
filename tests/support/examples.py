"""The configurations that docs/alerts.md shows, as the tests run them."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

DOCUMENT: Final = Path(__file__).parents[2] / "docs" / "alerts.md"


def example(language: str) -> str:
    """Return the one block of code in *language*."""
    found = re.findall(rf"^```{language}\n(.*?)^```$", DOCUMENT.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    assert len(found) == 1, language
    return str(found[0])


def with_replaced(text: str, here: Mapping[str, object]) -> str:
    """Return *text* with what stands in the document replaced by what is here; each has to be there."""
    for documented, ours in here.items():
        assert documented in text, documented
        text = text.replace(documented, str(ours))
    return text
