"""What `replay` reads: files in one order, each in pieces, so that it can go on from any of them."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, Final

import msgspec

from gateway.clock import to_text
from gateway.errors import InvalidInput
from gateway.ingest.document import DOCUMENT_MAX_BYTES, encoding_of, too_large
from gateway.ingest.dropped_file import ENDINGS, read_line
from gateway.ingest.errors import IngestError

BATCH_LINES: Final = 500
"""Lines of NDJSON sent at once."""
BATCH_BYTES: Final = 4 * 1024 * 1024
"""A batch ends with the line that passes this."""


class Position(msgspec.Struct, frozen=True, order=True):
    """The end of a piece; positions compare as the pieces follow each other."""

    root: int = -1
    """Which of the paths that were named, from 0."""
    parts: tuple[str, ...] = ()
    """The path below it."""
    offset: int = 0
    line: int = 1

    @property
    def file(self) -> tuple[int, tuple[str, ...]]:
        """The file, as it compares with others."""
        return self.root, self.parts


class Piece(msgspec.Struct, frozen=True):
    """One request to the daemon; without a content type, a file that could not be read."""

    content_type: str
    body: bytes
    size: int
    """Communications in it."""
    end: Position
    length: int
    """Bytes of the file."""
    file: str
    first_line: int = 1
    code: str = ""
    message: str = ""


def files(paths: Iterable[Path]) -> Iterator[tuple[Position, Path]]:
    """Yield the files that are named and those in the folders that are named, each at its beginning."""
    for root, path in enumerate(paths):
        if not path.is_dir():
            yield Position(root), path
            continue
        for parts in _below(path, ()):
            yield Position(root, parts), path.joinpath(*parts)


def _below(folder: Path, parts: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    with os.scandir(folder) as entries:
        found = sorted(entries, key=lambda entry: entry.name)
    for entry in found:
        if entry.is_dir(follow_symlinks=False):
            yield from _below(Path(entry.path), (*parts, entry.name))
        elif Path(entry.name).suffix.lower() in ENDINGS and entry.is_file():
            yield (*parts, entry.name)


def pieces(paths: Iterable[Path], reached: Position, *, by_file_time: bool) -> Iterator[Piece]:
    """Yield what comes after *reached*; with *by_file_time* an XML file is sent as observed at its own time."""
    for begin, path in files(paths):
        if begin.file < reached.file:
            continue
        start = reached if begin.file == reached.file else begin
        try:
            if ENDINGS.get(path.suffix.lower(), "xml") == "lines":
                yield from _lines(path, start)
            elif start.offset == 0:
                yield _document(path, start, by_file_time=by_file_time)
        except OSError as error:
            yield _fault(path, start, "file_unreadable", f"it cannot be read: {error.strerror}")


def _document(path: Path, start: Position, *, by_file_time: bool) -> Piece:
    with path.open("rb") as file:
        data = file.read(DOCUMENT_MAX_BYTES + 1)
        moment = os.fstat(file.fileno()).st_mtime
    end = Position(start.root, start.parts, max(1, len(data)))
    try:
        if len(data) > DOCUMENT_MAX_BYTES:
            raise too_large(len(data), DOCUMENT_MAX_BYTES)
        if not by_file_time:
            return Piece("application/xml", data, 1, end, len(data), str(path))
        line = msgspec.json.encode({"duis": _text(data), "observed_at": to_text(moment)})
        return Piece("application/x-ndjson", line, 1, end, len(data), str(path))
    except IngestError as error:
        return _fault(path, end, error.code, error.message)


def _text(data: bytes) -> str:
    encoding = encoding_of(data)
    try:
        return data.decode(encoding).removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        msg = f"it is not {encoding}: {error.reason}"
        raise IngestError("not_well_formed", msg, "Name the file that is meant.") from None


def _fault(path: Path, end: Position, code: str, message: str) -> Piece:
    end = msgspec.structs.replace(end, offset=max(1, end.offset))
    return Piece("", b"", 0, end, 0, str(path), end.line, code, message)


def _lines(path: Path, start: Position) -> Iterator[Piece]:
    with path.open("rb") as file:
        if os.fstat(file.fileno()).st_size < start.offset:
            msg = f"{path} is shorter than it was when the state was kept"
            raise InvalidInput(
                "state_other_input", msg, "Replay what was replayed then, or begin a new state."
            )
        file.seek(start.offset)
        while lines := _batch(file):
            end = Position(start.root, start.parts, file.tell(), start.line + len(lines))
            size = sum(1 for line in lines if not line.isspace())
            length = end.offset - start.offset
            body = b"".join(lines)
            yield Piece("application/x-ndjson", body, size, end, length, str(path), start.line)
            start = end


def _batch(file: BinaryIO) -> list[bytes]:
    lines: list[bytes] = []
    room = BATCH_BYTES
    while len(lines) < BATCH_LINES and room > 0 and (line := read_line(file)):
        lines.append(line)
        room -= len(line)
    return lines
