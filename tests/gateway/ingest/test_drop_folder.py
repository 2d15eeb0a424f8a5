"""A file that was counted and cannot be put away is not counted again, however long that lasts."""

import json
from pathlib import Path
from typing import Final

import pytest

from gateway.health import Health
from gateway.ingest.drop_folder import DropFolder
from gateway.ingest.receive import Receiver, TakenLines

LINE: Final = b"{}\n"


class Forgetful(Receiver):
    """Counts every line as if it had never been seen."""

    def __init__(self) -> None:
        self.counted = 0

    async def lines(self, data: bytes) -> TakenLines:
        self.counted += data.count(b"\n")
        return TakenLines(data.count(b"\n"), 0, [])


async def test_a_file_that_cannot_be_put_away_is_counted_once(tmp_path: Path) -> None:
    receiver = Forgetful()
    folder = DropFolder(tmp_path, receiver, Health(), lambda: 0.0)
    done = tmp_path / "done"
    done.write_bytes(b"")  # so that nothing can be put there
    working = tmp_path / ".working"
    working.mkdir()
    (tmp_path / "failed").mkdir()
    (working / "a.jsonl").write_bytes(LINE * 3)
    for _ in range(3):
        with pytest.raises(OSError, match="Not a directory"):
            await folder._count_all(["a.jsonl"])
    assert receiver.counted == 3
    (working / "a.jsonl").unlink()
    (working / "a.jsonl").write_bytes(LINE * 2)  # another one of that name
    with pytest.raises(OSError, match="Not a directory"):
        await folder._count_all(["a.jsonl"])
    assert receiver.counted == 5
    done.unlink()
    done.mkdir()
    await folder._count_all(["a.jsonl"])
    assert receiver.counted == 5
    assert json.loads((done / "a.jsonl.result.json").read_text())["accepted"] == 2
