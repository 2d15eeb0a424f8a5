"""Send DUIS requests from files to the daemon."""

import asyncio
import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from gateway.cli.output import as_json, print_json, talk
from gateway.errors import ExitCode, InvalidInput

if TYPE_CHECKING:
    from gateway.cli.client import Client

ENDINGS: Final = frozenset({".xml", ".ndjson", ".jsonl"})
BATCH: Final = 500
"""Lines of NDJSON sent at once."""
SIDE_BY_SIDE: Final = 16
"""Requests under way at once: they share the daemon's commits."""

PATH: Final = "/api/v1/service-requests"

Item = tuple[str, bytes, int]
"""Content type, body and how many communications it holds."""


@dataclass
class Totals:
    """What the daemon answered, added up."""

    accepted: int = 0
    duplicate: int = 0
    rejected: list[dict[str, Any]] = field(default_factory=list)


@click.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True))
@click.option(
    "--rate", type=click.FloatRange(min=0.1), help="Communications a second; as fast as it goes if not given."
)
@as_json
def replay(paths: tuple[Path, ...], rate: float | None, as_json: bool) -> int:
    """Send the DUIS requests in PATHS (XML and NDJSON files, or folders of them), repeats counted once."""
    items = [item for path in _files(paths) for item in _items(path)]
    if not items:
        msg = "there is no XML or NDJSON file in what was named"
        raise InvalidInput("nothing_to_replay", msg, f"Name files that end in {', '.join(sorted(ENDINGS))}.")
    totals = asyncio.run(_send(items, rate))
    if as_json:
        print_json(asdict(totals))
    else:
        print(f"accepted {totals.accepted}, duplicate {totals.duplicate}, rejected {len(totals.rejected)}")
        for line in totals.rejected[:20]:
            talk(f"rejected: {line['code']}: {line['message']}")
    return ExitCode.INVALID_INPUT if totals.rejected else ExitCode.DONE


def _files(paths: tuple[Path, ...]) -> Iterator[Path]:
    for path in paths:
        if path.is_dir():
            yield from sorted(found for found in path.rglob("*") if found.suffix.lower() in ENDINGS)
        else:
            yield path


def _items(path: Path) -> Iterator[Item]:
    data = path.read_bytes()
    if path.suffix.lower() not in {".ndjson", ".jsonl"}:
        yield "application/xml", data, 1
        return
    lines = [line for line in data.split(b"\n") if line.strip()]
    for start in range(0, len(lines), BATCH):
        chunk = lines[start : start + BATCH]
        yield "application/x-ndjson", b"\n".join(chunk), len(chunk)


class _Sender:
    """Sends items side by side and adds up what the daemon answers."""

    def __init__(self, client: "Client", advance: Callable[[int], None]) -> None:
        self._client = client
        self._advance = advance
        self._room = asyncio.Semaphore(SIDE_BY_SIDE)
        self.totals = Totals()

    async def send_all(self, items: list[Item], rate: float | None) -> None:
        loop = asyncio.get_running_loop()
        started, sent = loop.time(), 0
        try:
            async with asyncio.TaskGroup() as group:
                for item in items:
                    await self._room.acquire()
                    if rate:
                        await asyncio.sleep(max(0.0, started + sent / rate - loop.time()))
                    sent += item[2]
                    group.create_task(self._send(*item))
        except ExceptionGroup as failures:
            raise failures.exceptions[0] from failures

    async def _send(self, kind: str, body: bytes, size: int) -> None:
        headers = {"Content-Type": kind}
        try:
            answer = json.loads(await self._client.request("POST", PATH, data=body, headers=headers))
        except InvalidInput as error:
            self.totals.rejected.append({"code": error.code, "message": error.message})
        else:
            self.totals.accepted += answer["accepted"]
            self.totals.duplicate += answer["duplicate"]
            self.totals.rejected.extend(answer["rejected"])
        finally:
            self._room.release()
            self._advance(size)


async def _send(items: list[Item], rate: float | None) -> Totals:
    from rich.console import Console
    from rich.progress import Progress

    from gateway.cli.client import connect

    console = Console(stderr=True)
    with Progress(console=console, disable=not console.is_terminal) as progress:
        bar = progress.add_task("replay", total=sum(item[2] for item in items))
        async with connect(SIDE_BY_SIDE) as client:
            sender = _Sender(client, lambda size: progress.advance(bar, size))
            await sender.send_all(items, rate)
    return sender.totals
