"""The alert file holds whole lines and nothing else."""

import asyncio
import fcntl
import stat
from pathlib import Path

import pytest

from gateway.alerts.channels.file import FileChannel
from tests.support.full_disk import fill, small_disk
from tests.support.synced import watched_fsync


async def test_each_alert_is_one_line_in_the_order_sent(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "alerts.jsonl"
    channel = FileChannel(path)
    for number in range(3):
        await channel.send([b'{"n":%d}' % number])
    assert path.read_bytes() == b'{"n":0}\n{"n":1}\n{"n":2}\n'


async def test_alerts_sent_at_once_do_not_mix(tmp_path: Path) -> None:
    path = tmp_path / "alerts.jsonl"
    messages = [bytes([65 + number]) * 20_000 for number in range(20)]
    await asyncio.gather(*(FileChannel(path).send([message]) for message in messages))
    assert sorted(path.read_bytes().splitlines()) == messages


async def test_what_stands_in_the_file_stays(tmp_path: Path) -> None:
    path = tmp_path / "alerts.jsonl"
    path.write_bytes(b"earlier\n")
    await FileChannel(path).send([b"later"])
    assert path.read_bytes() == b"earlier\nlater\n"


async def test_a_line_that_a_power_cut_tore_does_not_spoil_the_next(tmp_path: Path) -> None:
    path = tmp_path / "alerts.jsonl"
    path.write_bytes(b'whole\n{"id":"to')
    await FileChannel(path).send([b"next"])
    await FileChannel(path).send([b"last"])
    assert path.read_bytes() == b'whole\n{"id":"to\nnext\nlast\n'


async def test_a_file_that_was_rotated_away_is_made_anew(tmp_path: Path) -> None:
    path = tmp_path / "alerts.jsonl"
    channel = FileChannel(path)
    await channel.send([b"1"])
    path.rename(tmp_path / "alerts.jsonl.1")
    await channel.send([b"2"])
    assert path.read_bytes() == b"2\n"


def mode(path: Path) -> int:
    """Return the permissions of a file."""
    return stat.S_IMODE(path.stat().st_mode)


async def test_the_file_is_closed_to_others(tmp_path: Path) -> None:
    path = tmp_path / "alerts.jsonl"
    await FileChannel(path).send([b"1"])
    assert not mode(path) & 0o027


async def test_a_line_torn_by_a_full_disk_is_taken_back(tmp_path: Path) -> None:
    """Part of the line fits: it is taken back, and the alert is sent whole when there is room."""
    with small_disk(tmp_path / "disk", 64) as disk:
        channel = FileChannel(disk / "alerts.jsonl")
        await channel.send([b"1" * 100])
        filler = fill(disk, leave=4096)
        long = b"2" * 10_000
        with pytest.raises(OSError, match="No space left"):
            await channel.send([long])
        assert (disk / "alerts.jsonl").read_bytes() == b"1" * 100 + b"\n"
        filler.unlink()
        await channel.send([long])
        assert (disk / "alerts.jsonl").read_bytes() == b"1" * 100 + b"\n" + long + b"\n"


async def test_a_file_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="Is a directory"):
        await FileChannel(tmp_path).send([b"1"])


async def test_the_name_of_a_new_file_and_of_new_folders_is_on_disk_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "new" / "folder" / "alerts.jsonl"
    channel = FileChannel(path)
    with watched_fsync(monkeypatch) as synced:
        await channel.send([b"1"])
        assert {tmp_path, tmp_path / "new", path.parent, path} <= set(synced)
        synced.clear()
        await channel.send([b"2"])
        assert synced == [path]


async def test_a_file_that_hangs_takes_no_thread_from_others(tmp_path: Path) -> None:
    path = tmp_path / "alerts.jsonl"
    path.touch()
    channel = FileChannel(path)
    with path.open("rb") as holder:
        fcntl.flock(holder, fcntl.LOCK_EX)
        for _ in range(40):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.005):
                    await channel.send([b"1"])
        async with asyncio.timeout(10):
            assert await asyncio.to_thread(lambda: 1) == 1
    await channel.send([b"2"])
    assert path.read_bytes() == b"1\n2\n", "what was given up before its turn is not written any more"
    await channel.close()
