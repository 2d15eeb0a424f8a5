"""Just enough PromQL to find the metrics and labels that an expression names, and the rules file's layout."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

TOKEN: Final = re.compile(
    r"""(?P<space>\s+)|(?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')|(?P<range>\[[^\]]*\])"""
    r"""|(?P<name>[A-Za-z_:][A-Za-z0-9_:]*)|(?P<number>[0-9][0-9.]*[a-z]*)"""
    r"""|(?P<operator>=~|!~|!=|==|>=|<=|[-+*/%^<>=(){},])"""
)
GROUPING: Final = frozenset({"by", "without", "on", "ignoring", "group_left", "group_right"})
OPERATORS: Final = frozenset({"and", "or", "unless", "bool", "offset"}) | GROUPING
FUNCTIONS: Final = frozenset(
    [
        "absent",
        "changes",
        "count",
        "histogram_quantile",
        "increase",
        "label_values",
        "max",
        "min",
        "rate",
        "sum",
        "time",
        "vector",
    ]
)


class Named(msgspec.Struct, frozen=True):
    """A metric and the labels that its selector names."""

    metric: str
    labels: frozenset[str]


def tokens(expression: str) -> list[tuple[str, str]]:
    """Return kind and text of each token; `ValueError` where something is none."""
    found: list[tuple[str, str]] = []
    place = 0
    while place < len(expression):
        match = TOKEN.match(expression, place)
        if match is None:
            message = f"not PromQL at {expression[place:]!r}"
            raise ValueError(message)
        place = match.end()
        if match.lastgroup not in {"space", None}:
            found.append((str(match.lastgroup), match.group()))
    return found


def metrics(expression: str) -> Iterator[Named]:
    """Yield every metric that the expression selects; a function that is not known here counts as one."""
    line = [*tokens(expression), ("end", "")]
    place = 0
    while place < len(line):
        kind, text = line[place]
        following = line[place + 1][1] if place + 1 < len(line) else ""
        place += 1
        if kind != "name" or text in OPERATORS - GROUPING or (text in FUNCTIONS and following in {"(", "by"}):
            continue
        if text not in GROUPING and following != "{":
            yield Named(text, frozenset())
            continue
        close = ")" if text in GROUPING else "}"
        if following not in {"(", "{"}:
            continue
        end = place + [token for _, token in line[place:]].index(close)
        labels = frozenset(token for kind, token in line[place:end] if kind == "name")
        place = end + 1
        if text not in GROUPING:
            yield Named(text, labels)


class Rule(msgspec.Struct, frozen=True):
    """One alerting rule."""

    alert: str
    expression: str
    severity: str
    summary: str
    runbook: str


def read_rules(path: Path) -> list[Rule]:
    """Read a rules file of our own layout, in which each expression is a block; `ValueError` for any other."""
    rules = []
    for part in re.split(r"^ {6}- ", path.read_text("utf-8"), flags=re.MULTILINE)[1:]:
        match = re.fullmatch(
            r"alert: (?P<alert>\w+)\n {8}expr: \|\n(?P<expression>(?: {10}.+\n)+)(?: {8}for: \w+\n)?"
            r" {8}labels:\n {10}severity: (?P<severity>\w+)\n {8}annotations:\n"
            r' {10}summary: "(?P<summary>[^"\n]+)"\n {10}runbook: (?P<runbook>\S+)\n',
            part,
        )
        if match is None:
            message = f"not of our layout: {part}"
            raise ValueError(message)
        rules.append(Rule(**match.groupdict()))
    return rules
