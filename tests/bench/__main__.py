"""Run the benchmarks: `python -m tests.bench [NAME...]`; a table for people, and JSON in var/bench.json."""

import importlib
import json
import os
import platform
import sys
from pathlib import Path

import msgspec
from rich.console import Console
from rich.table import Table

from tests.bench.figure import Figure

BENCHMARKS = (
    "duis",
    "adt_check",
    "counting",
    "http",
    "alerts",
    "dcc_alerts",
    "outbox",
    "viewers",
    "restart",
    "memory",
    "pages",
    "pages_incidents",
    "signing",
    "startup",
)


def main(names: list[str]) -> int:
    """Measure what is named, or everything; return 0 whatever the figures are: they inform, they do not judge."""
    talk = Console(stderr=True)
    figures: list[Figure] = []
    for name in names or BENCHMARKS:
        talk.print(f"measuring {name} …")
        figures += importlib.import_module(f"tests.bench.{name}").run()
    Console(width=None if sys.stdout.isatty() else 150).print(_table(figures))
    _write(figures)
    return 0


def _table(figures: list[Figure]) -> Table:
    table = Table(
        title=f"{os.cpu_count()} cores, Python {platform.python_version()}, load {os.getloadavg()[0]:.1f}"
    )
    for header in ("what", "against", "ours", "peer", "value", "aim", "", "note"):
        table.add_column(header, justify="right" if header in {"ours", "peer", "value", "aim"} else "left")
    for figure in figures:
        bound = "≥" if figure.at_least else "≤"
        peer = "" if figure.peer is None else _readable(figure.peer)
        table.add_row(
            figure.what,
            figure.against,
            f"{_readable(figure.ours)} {figure.unit}",
            peer,
            f"{figure.value:.3g}",
            f"{bound} {figure.aim:g}",
            "reached" if figure.reached else "MISSED",
            figure.note,
        )
    return table


def _readable(number: float) -> str:
    return f"{number:,.0f}" if number >= 100 else f"{number:.3g}"


def _write(figures: list[Figure]) -> None:
    file = Path("var/bench.json")
    file.parent.mkdir(exist_ok=True)
    rows = [
        msgspec.to_builtins(figure) | {"value": figure.value, "reached": figure.reached} for figure in figures
    ]
    file.write_text(
        json.dumps({"load": os.getloadavg()[0], "figures": rows}, indent=2) + "\n", encoding="utf-8"
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
