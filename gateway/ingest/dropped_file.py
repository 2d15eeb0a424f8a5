"""One file of the drop folder: opened without trust, read in pieces, put away beside its result."""

import os
import stat
import time
from collections.abc import Iterator
from pathlib import Path
from types import MappingProxyType
from typing import BinaryIO, Final

from gateway.errors import InvalidInput
from gateway.ingest.document import DOCUMENT_MAX_BYTES, too_large
from gateway.ingest.header_line import LINE_MAX_BYTES

ENDINGS: Final = MappingProxyType({".xml": "xml", ".ndjson": "lines", ".jsonl": "lines"})

LINES_FILE_MAX_BYTES: Final = 1024 * 1024 * 1024
"""Size of an NDJSON file at the most: about 8 million header lines."""

BATCH_LINES: Final = 1000
BATCH_BYTES: Final = 4 * 1024 * 1024
"""A batch ends with the line that passes this."""

NAME_MAX_BYTES: Final = 200
"""A longer name is cut: file systems allow 255 bytes, and the result's name is longer."""


def open_dropped(path: Path) -> BinaryIO:
    """Open *path* if it is a regular file of a kind and size that is read; it is never followed nor waited for.

    Raises `InvalidInput`: `ending_unknown`, `not_a_file`, `too_large`; `OSError` where it cannot be opened.
    """
    kind = ENDINGS.get(path.suffix.lower())
    if kind is None:
        raise _refused("ending_unknown", f"the name ends in none of {', '.join(ENDINGS)}")
    if not stat.S_ISREG(path.lstat().st_mode):
        raise _refused("not_a_file", "it is a link, a pipe or another thing that is no file")
    file = os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb")
    limit = DOCUMENT_MAX_BYTES if kind == "xml" else LINES_FILE_MAX_BYTES
    size = os.fstat(file.fileno()).st_size
    if size > limit:
        file.close()
        raise too_large(size, limit)
    return file


def read_whole(file: BinaryIO) -> bytes:
    """Return a document; raise `too_large` before more than the limit are kept."""
    data = file.read(DOCUMENT_MAX_BYTES + 1)
    if len(data) > DOCUMENT_MAX_BYTES:
        raise too_large(len(data), DOCUMENT_MAX_BYTES)
    return data


def read_batches(file: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """Yield the number of the first line and the bytes of whole lines, little at a time.

    A line over the limit is cut off after it: what is left of it is refused as one line.
    """
    first = 1
    lines: list[bytes] = []
    size = 0
    while line := read_line(file):
        lines.append(line)
        size += len(line)
        if len(lines) >= BATCH_LINES or size >= BATCH_BYTES:
            yield first, b"".join(lines)
            first, lines, size = first + len(lines), [], 0
    if lines:
        yield first, b"".join(lines)


def read_line(file: BinaryIO) -> bytes:
    """Return the next line with its end; of one over the limit only so much that it is refused as too large."""
    line = file.readline(LINE_MAX_BYTES + 2)
    if len(line) <= LINE_MAX_BYTES or line.endswith(b"\n"):
        return line
    while (more := file.readline(1024 * 1024)) and not more.endswith(b"\n"):
        pass
    return line[: LINE_MAX_BYTES + 1] + b"\n"


def put_away(path: Path, folder: Path, result: bytes) -> None:
    """Move *path* into *folder* beside a JSON file that says what became of it; nothing there is replaced."""
    name = path.name
    if os.path.lexists(folder / name) or len(os.fsencode(name)) > NAME_MAX_BYTES:
        name = f"{os.fsdecode(os.fsencode(name)[:NAME_MAX_BYTES])}.{time.time_ns()}"
    beside = folder / f"{name}.result.json"
    unfinished = folder / f".{name}.result.json"
    with unfinished.open("wb") as file:
        file.write(result)
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(beside)
    path.rename(folder / name)


def _refused(code: str, message: str) -> InvalidInput:
    return InvalidInput(code, message, "Put XML or NDJSON files there, by rename.")
