"""Send DUIS requests from files to the daemon."""

import asyncio
import json
import signal
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from gateway.cli.output import as_json, print_json, talk
from gateway.errors import ExitCode, GatewayError, InvalidInput, Unavailable

if TYPE_CHECKING:
    from gateway.cli.client import Client
    from gateway.cli.replay_input import Piece
    from gateway.cli.replay_state import Progress

SIDE_BY_SIDE: Final = 16
"""Requests under way at once: they share the daemon's commits."""
PATIENCE_SECONDS: Final = 600.0
"""How long a daemon that cannot count is asked again."""
LONGEST_PAUSE: Final = 5.0

PATH: Final = "/api/v1/service-requests"


@click.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True))
@click.option(
    "--rate", type=click.FloatRange(min=0.1), help="Communications a second; as fast as it goes if not given."
)
@click.option(
    "--observed-at",
    type=click.Choice(["now", "mtime"]),
    default="now",
    show_default=True,
    help="When XML files were observed: now, or when the file was last changed. Lines say it themselves.",
)
@click.option(
    "--state",
    type=click.Path(path_type=Path, dir_okay=False),
    help="File that keeps how far it came; a second run goes on from there.",
)
@as_json
def replay(
    paths: tuple[Path, ...], rate: float | None, observed_at: str, state: Path | None, as_json: bool
) -> int:
    """Send the DUIS requests in PATHS (XML and NDJSON files, or folders of them), repeats counted once."""
    from gateway.cli.replay_input import pieces
    from gateway.cli.replay_state import Progress

    progress = Progress(state, paths, observed_at)
    found = pieces(paths, progress.reached, by_file_time=observed_at == "mtime")
    asyncio.run(_run(found, paths, progress, rate))
    totals = progress.totals
    if totals.accepted + totals.duplicate + totals.rejected_count == 0:
        msg = "there is no XML or NDJSON file with a request in what was named"
        raise InvalidInput("nothing_to_replay", msg, "Name files that end in .xml, .ndjson or .jsonl.")
    if as_json:
        import msgspec

        print_json(msgspec.to_builtins(totals))
    else:
        print(f"accepted {totals.accepted}, duplicate {totals.duplicate}, rejected {totals.rejected_count}")
        for line in totals.rejected[:20]:
            talk(f"rejected: {line['file']}:{line['line']}: {line['code']}: {line['message']}")
    return ExitCode.INVALID_INPUT if totals.rejected_count else ExitCode.DONE


async def _run(
    found: Iterable["Piece"], paths: tuple[Path, ...], progress: "Progress", rate: float | None
) -> None:
    """Send everything; an interrupt lets what is under way finish and ends with `Abort`."""
    import stamina.instrumentation

    from gateway.cli.client import connect

    stamina.instrumentation.set_on_retry_hooks([])  # they would talk on standard output
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def interrupt() -> None:
        stop.set()
        loop.remove_signal_handler(signal.SIGINT)  # the second ends at once, as usual

    loop.add_signal_handler(signal.SIGINT, interrupt)
    try:
        with _bar(paths, progress) as advance:
            async with connect(SIDE_BY_SIDE) as client:
                await _Sender(client, progress, advance, stop).send_all(found, rate)
    finally:
        loop.remove_signal_handler(signal.SIGINT)
        progress.keep(on_disk=True)
    if stop.is_set():
        talk("interrupted; with --state, the same command goes on from here")
        raise click.Abort


@contextmanager
def _bar(paths: tuple[Path, ...], progress: "Progress") -> Iterator[Callable[[int], None]]:
    """Show how many bytes are done, on a terminal only."""
    from rich.console import Console
    from rich.progress import Progress as Bar

    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda _: None
        return
    from gateway.cli.replay_input import files

    total = sum(path.stat().st_size for begin, path in files(paths) if begin.file >= progress.reached.file)
    with Bar(console=console) as bar:
        task = bar.add_task("replay", total=total, completed=progress.reached.offset)
        yield lambda size: bar.advance(task, size)


class _Sender:
    """Sends pieces side by side and adds up what the daemon answers."""

    def __init__(
        self, client: "Client", progress: "Progress", advance: Callable[[int], None], stop: asyncio.Event
    ) -> None:
        self._client = client
        self._progress = progress
        self._advance = advance
        self._stop = stop
        self._room = asyncio.Semaphore(SIDE_BY_SIDE)
        self._failure: Exception | None = None

    async def send_all(self, found: Iterable["Piece"], rate: float | None) -> None:
        """Send all of *found*; after a failure nothing more, and what is under way is waited for."""
        loop = asyncio.get_running_loop()
        started, sent = loop.time(), 0
        async with asyncio.TaskGroup() as group:
            for piece in self._readable(found):
                await self._room.acquire()
                if rate and not self._stop.is_set():
                    await self._pause(started + sent / rate - loop.time())
                if self._stop.is_set() or self._failure:
                    break
                if not self._progress.begin(piece.end):
                    self._room.release()
                    continue
                sent += piece.size
                group.create_task(self._send(piece))
        if self._failure and not self._stop.is_set():
            raise self._failure

    def _readable(self, found: Iterable["Piece"]) -> Iterator["Piece"]:
        """Yield *found* up to where it cannot be read on."""
        try:
            yield from found
        except (GatewayError, OSError) as error:
            self._failure = self._failure or error

    async def _pause(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(max(0.0, seconds)):
                await self._stop.wait()
        except TimeoutError:
            pass

    async def _send(self, piece: "Piece") -> None:
        try:
            if piece.code:
                self._progress.totals.reject(piece.file, piece.first_line, piece.code, piece.message)
            elif piece.size:
                await self._post(piece)
            self._progress.acknowledged(piece.end)
            self._advance(piece.length)
        except (GatewayError, OSError) as error:
            self._failure = self._failure or error
        finally:
            self._room.release()

    async def _post(self, piece: "Piece") -> None:
        """Send *piece* until the daemon can count it; what it refuses is added to the rejected."""
        import stamina

        totals, headers = self._progress.totals, {"Content-Type": piece.content_type}
        try:
            async for attempt in stamina.retry_context(
                self._is_busy, attempts=None, timeout=PATIENCE_SECONDS, wait_max=LONGEST_PAUSE
            ):
                with attempt:
                    data = await self._client.request("POST", PATH, data=BytesIO(piece.body), headers=headers)
        except InvalidInput as error:
            totals.reject(piece.file, piece.first_line, error.code, error.message)
            return
        answer = json.loads(data)
        totals.accepted += answer["accepted"]
        totals.duplicate += answer["duplicate"]
        for line in answer["rejected"]:
            totals.reject(piece.file, piece.first_line + line["line"] - 1, line["code"], line["message"])

    def _is_busy(self, error: Exception) -> bool:
        """Tell whether the daemon said that it counted nothing and may be asked again."""
        busy = isinstance(error, Unavailable) and error.code != "daemon_unreachable"
        return busy and not self._stop.is_set()
