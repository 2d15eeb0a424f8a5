"""The drop folder: every file is counted once and lies where its result says."""

import gzip
import itertools
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from tests.support.api import header_line, wait_for
from tests.support.daemon import Daemon, ids
from tests.support.duis_messages import firmware_request, request_id, service_request

MIB: Final = 1024 * 1024
_counters = itertools.count(1)


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    folder = tmp_path_factory.mktemp("drop")
    with Daemon(folder, token=False, ingest={"drop_folder": "drop"}) as running:
        yield running


def drop(daemon: Daemon, name: str, data: bytes) -> None:
    """Put a file into the folder as its users do: under another name, then by rename."""
    folder = daemon.folder / "drop"
    folder.mkdir(exist_ok=True)
    unfinished = folder / f".{name}"
    unfinished.write_bytes(data)
    unfinished.rename(folder / name)


def request() -> tuple[str, bytes]:
    identity = request_id(next(_counters))
    return identity, service_request(identity, 1, "4.1", "4.1.1")


def lines(count: int) -> tuple[list[str], bytes]:
    found = [header_line(1_000_000 + number) for number in itertools.islice(_counters, count)]
    return [line["request_id"] for line in found], b"".join(
        json.dumps(line).encode() + b"\n" for line in found
    )


def result(daemon: Daemon, kind: str, name: str) -> Any:
    """Wait until a file is put away and return its result."""
    path = daemon.folder / "drop" / kind / name
    wait_for(f"{kind}/{name}", lambda: os.path.lexists(path))
    assert not (daemon.folder / "drop" / ".working" / name).exists()
    return json.loads(path.with_name(f"{name}.result.json").read_text())


def wait_results(daemon: Daemon, name: str, count: int) -> None:
    done = daemon.folder / "drop" / "done"
    wait_for("the results", lambda: len(list(done.glob(f"{name}*.json"))) == count)


def wait_some(daemon: Daemon, count: int) -> None:
    """Wait until so many are counted, or nothing is left to count."""
    wait_for("some", lambda: len(daemon.journal()) > count or not left(daemon))


def left(daemon: Daemon) -> list[Path]:
    folder = daemon.folder / "drop"
    return [path for path in [*folder.iterdir(), *(folder / ".working").iterdir()] if path.is_file()]


def test_xml_and_lines_are_counted_and_lie_in_done_with_their_result(daemon: Daemon) -> None:
    identity, data = request()
    drop(daemon, "one.xml", data)
    many, body = lines(2_500)
    drop(daemon, "many.ndjson", body)
    one = result(daemon, "done", "one.xml")
    assert (one["file"], one["accepted"]) == ("one.xml", 1)
    assert re.fullmatch(r"20\d\d-\d\d-\d\dT[\d:.]+Z", one["finished_at"])
    assert result(daemon, "done", "many.ndjson")["accepted"] == 2_500
    assert set(ids(daemon.journal())) >= {identity, *many}
    assert (daemon.folder / "drop/done/one.xml").read_bytes() == data


def test_a_file_of_the_same_name_replaces_none_and_counts_nothing_twice(daemon: Daemon) -> None:
    identity, data = request()
    for number in (1, 2):
        drop(daemon, "again.xml", data)
        wait_results(daemon, "again.xml", number)
    results = [json.loads(path.read_text()) for path in (daemon.folder / "drop/done").glob("again.xml*.json")]
    assert sorted(found.get("duplicate", 0) for found in results) == [0, 1]
    assert ids(daemon.journal()).count(identity) == 1


def test_names_that_are_not_finished_and_folders_stay(daemon: Daemon) -> None:
    folder = daemon.folder / "drop"
    stay = [".hidden.xml", "a.xml.tmp", "b.xml.part"]
    for name in stay:
        (folder / name).write_bytes(request()[1])
    (folder / "sub").mkdir()
    (folder / "sub" / "c.xml").write_bytes(request()[1])
    drop(daemon, "after.xml", request()[1])
    result(daemon, "done", "after.xml")
    drop(daemon, "later.xml", request()[1])
    result(daemon, "done", "later.xml")
    assert all((folder / name).exists() for name in [*stay, "sub/c.xml"])


def test_what_is_refused_lies_in_failed_with_the_reason(daemon: Daemon) -> None:
    drop(daemon, "bad.xml", b"<no request")
    drop(daemon, "huge.xml", firmware_request(17 * MIB))
    drop(daemon, "notes.txt", b"no request")
    drop(daemon, "packed.xml", gzip.compress(request()[1]))
    codes = {
        name: result(daemon, "failed", name)["code"]
        for name in ("bad.xml", "huge.xml", "notes.txt", "packed.xml")
    }
    assert codes == {
        "bad.xml": "not_well_formed",
        "huge.xml": "too_large",
        "notes.txt": "ending_unknown",
        "packed.xml": "not_well_formed",
    }


def test_links_and_pipes_are_not_followed(daemon: Daemon, tmp_path: Path) -> None:
    identity, data = request()
    (tmp_path / "target.xml").write_bytes(data)
    folder = daemon.folder / "drop"
    (folder / "link.xml").symlink_to(tmp_path / "target.xml")
    (folder / "dangling.xml").symlink_to(tmp_path / "nothing")
    os.mkfifo(folder / "pipe.xml")
    for name in ("link.xml", "dangling.xml", "pipe.xml"):
        assert result(daemon, "failed", name)["code"] == "not_a_file"
    assert (tmp_path / "target.xml").read_bytes() == data
    assert identity not in ids(daemon.journal())


def test_odd_names_are_dealt_with_like_others(daemon: Daemon) -> None:
    folder = daemon.folder / "drop"
    for name in (b"\xff\xfe.xml", b"l" * 250 + b".xml", b"new\nline.xml", b"quote'\"$(x).xml"):
        path = os.fsencode(folder) + b"/" + name
        Path(os.fsdecode(path)).write_bytes(request()[1])
    wait_for("all", lambda: {path.name for path in folder.glob("*.xml")} <= {".hidden.xml"})
    drop(daemon, "next.xml", request()[1])
    assert result(daemon, "done", "next.xml")["accepted"] == 1
    kept = [os.fsencode(path.name) for path in (folder / "done").iterdir() if path.suffix != ".json"]
    assert {b"\xff\xfe.xml", b"new\nline.xml", b"quote'\"$(x).xml"} <= set(kept)
    assert any(name.startswith(b"l" * 200) for name in kept)


def test_rejected_lines_are_named_by_their_number_and_the_rest_is_counted(daemon: Daemon) -> None:
    good, body = lines(1_500)
    data = body + b"not JSON\n\n" + b'{"duis": "' + b"x" * (18 * MIB) + b'"}\n' + lines(1)[1]
    drop(daemon, "mixed.jsonl", data)
    found = result(daemon, "failed", "mixed.jsonl")
    assert (found["accepted"], found["rejected_count"]) == (1_501, 2)
    assert [(line["line"], line["code"]) for line in found["rejected"]] == [
        (1_501, "line_malformed"),
        (1_503, "too_large"),
    ]
    assert set(ids(daemon.journal())) >= set(good)


def test_a_locked_store_keeps_files_waiting(daemon: Daemon) -> None:
    identity, data = request()
    with daemon.locked_database():
        drop(daemon, "waits.xml", data)
        wait_for("the claim", (daemon.folder / "drop/.working/waits.xml").exists)
        wait_for("the refusal", lambda: "journal_failed" in daemon.log)
        assert (daemon.folder / "drop/.working/waits.xml").exists()
    assert result(daemon, "done", "waits.xml")["accepted"] == 1
    assert ids(daemon.journal()).count(identity) == 1


def test_a_folder_that_is_gone_shows_and_recovers(daemon: Daemon) -> None:
    folder = daemon.folder / "drop"

    def works() -> bool:
        parts = daemon.stranger().get("/readyz").json["parts"]
        return next(bool(part["works"]) for part in parts if part["part"] == "drop-folder")

    wait_for("the start", works)
    folder.rename(daemon.folder / "gone")
    folder.write_text("a file stands in its place")
    wait_for("the trouble", lambda: not works())
    assert daemon.stranger().get("/readyz").status == 200
    folder.unlink()
    (daemon.folder / "gone").rename(folder)
    drop(daemon, "back.xml", request()[1])
    result(daemon, "done", "back.xml")
    assert works()


def test_killed_at_any_moment_no_file_is_lost_nor_counted_twice(tmp_path: Path) -> None:
    files = {f"{number}.xml": request() for number in range(150)}
    big, body = lines(30_000)
    with Daemon(tmp_path, token=False, ingest={"drop_folder": "drop"}) as daemon:
        for name, (_, data) in files.items():
            drop(daemon, name, data)
        drop(daemon, "big.ndjson", body)
        for number in range(6):
            wait_some(daemon, 25 * number)
            daemon.kill()
            daemon.start()
        wait_for("all", lambda: not left(daemon), 60)
        counted = ids(daemon.journal())
        assert len(counted) == len(set(counted))
        assert set(counted) == {identity for identity, _ in files.values()} | set(big)
        done = {path.name for path in (tmp_path / "drop/done").iterdir()}
        assert done == {f"{name}{end}" for name in [*files, "big.ndjson"] for end in ("", ".result.json")}
