"""Files arrive whole at a real OpenSSH server or not under their name at all; nothing there is ever overwritten."""

import hashlib
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from gateway.delivery.sftp import SftpWay
from gateway.delivery_settings import Delivery, Sftp
from gateway.errors import Conflict, Unavailable
from tests.support.sshd import Sshd, cut_before, make_key, needs_accounts, needs_sshd, public_key

pytestmark = needs_sshd

PARTS = {"eq.csv": b"UserID\r\n", "eq.csv.p7s": os.urandom(3000), "eq.csv.receipt.json": b"{}\n"}
LARGE = {"eq.csv": os.urandom(1_500_000)}


@pytest.fixture
def sshd(tmp_path: Path) -> Iterator[Sshd]:
    with Sshd(tmp_path / "sshd") as server:
        yield server


def way(sshd: Sshd, **changes: Any) -> SftpWay:
    return SftpWay(Sftp.model_validate(sshd.section | changes))


def there(sshd: Sshd) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (sshd.files / "7").iterdir()}


def part_name(parts: dict[str, bytes], name: str = "eq.csv") -> str:
    return f".{name}.{hashlib.sha256(parts[name]).hexdigest()[:16]}.part"


async def test_the_files_arrive_and_what_the_server_said_is_told(sshd: Sshd) -> None:
    handed = await way(sshd).deliver(7, PARTS)
    assert there(sshd) == PARTS
    assert handed.place == f"sftp://127.0.0.1:{sshd.port}/{sshd.files}/7"
    assert "OpenSSH" in handed.said
    assert "host key SHA256:" in handed.said
    for name, data in PARTS.items():
        assert (
            f"{name}: {len(data)} bytes, SHA-256 {hashlib.sha256(data).hexdigest()} read back" in handed.said
        )


@needs_accounts
async def test_the_user_may_prove_itself_by_a_password_from_a_file(tmp_path: Path) -> None:
    """Read anew each time; a wrong one is refused, and neither is in what is told."""
    password = tmp_path / "password"
    password.write_text("wrong horse\n")
    with Sshd(tmp_path / "sshd", "correct horse") as server:
        by_password = way(server, key_file=None, password_file=str(password))
        with pytest.raises(Unavailable) as refused:
            await by_password.deliver(7, PARTS)
        assert refused.value.code == "sftp_refused"
        assert "horse" not in f"{refused.value.message} {refused.value.remedy}"
        password.write_text("correct horse\n")
        handed = await by_password.deliver(7, PARTS)
        assert there(server) == PARTS
        assert "horse" not in handed.said
        with pytest.raises(Unavailable) as by_key:
            await way(server).deliver(7, PARTS)
        assert by_key.value.code == "sftp_refused"


async def test_to_deliver_again_changes_nothing(sshd: Sshd) -> None:
    await way(sshd).deliver(7, PARTS)
    before = {path: path.stat().st_mtime_ns for path in (sshd.files / "7").iterdir()}
    assert "(there already)" in (await way(sshd).deliver(7, PARTS)).said
    assert {path: path.stat().st_mtime_ns for path in (sshd.files / "7").iterdir()} == before


async def test_a_server_with_another_host_key_gets_nothing(sshd: Sshd) -> None:
    reaches = way(sshd)
    await reaches.deliver(6, PARTS)
    sshd.change_host_key()
    with pytest.raises(Unavailable) as refused:
        await reaches.deliver(7, PARTS)
    assert refused.value.code == "sftp_host_key"
    assert not (sshd.files / "7").exists()


async def test_a_second_host_key_may_be_set_before_the_server_changes(sshd: Sshd, tmp_path: Path) -> None:
    keys = [public_key(make_key(tmp_path / "next")), *sshd.section["host_keys"]]
    await way(sshd, host_keys=keys).deliver(7, PARTS)
    assert there(sshd) == PARTS


async def test_a_user_key_that_the_server_does_not_know_is_refused(sshd: Sshd, tmp_path: Path) -> None:
    with pytest.raises(Unavailable) as refused:
        await way(sshd, key_file=str(make_key(tmp_path / "other"))).deliver(7, PARTS)
    assert refused.value.code == "sftp_refused"


async def test_a_key_file_that_is_none_is_named(sshd: Sshd, tmp_path: Path) -> None:
    (tmp_path / "none").write_text("no key\n")
    with pytest.raises(Unavailable) as refused:
        await way(sshd, key_file=str(tmp_path / "none")).deliver(7, PARTS)
    assert refused.value.code == "sftp_key_file"
    assert "no key" not in refused.value.message


async def test_an_upload_that_was_cut_goes_on_where_it_was(sshd: Sshd) -> None:
    async with cut_before(sshd.port) as cut:
        reaches = way(sshd, port=cut.port)
        cut.after = 600_000
        with pytest.raises(Unavailable) as failed:
            await reaches.deliver(7, LARGE)
        assert failed.value.code == "sftp_unreachable"
        (unfinished,) = there(sshd).items()
        assert unfinished[0] == part_name(LARGE)
        assert 0 < len(unfinished[1]) < len(LARGE["eq.csv"])
        cut.after = 2**60
        said = (await reaches.deliver(7, LARGE)).said
    assert f"(resumed at {len(unfinished[1])})" in said
    assert there(sshd) == LARGE


async def test_an_unfinished_upload_of_other_bytes_is_written_anew(sshd: Sshd) -> None:
    (sshd.files / "7").mkdir()
    (sshd.files / "7" / part_name(LARGE)).write_bytes(b"x" * 1000)
    assert "resumed" not in (await way(sshd).deliver(7, LARGE)).said
    assert there(sshd) == LARGE


async def test_a_full_disk_leaves_no_file_under_its_name_and_is_tried_again(sshd: Sshd) -> None:
    (sshd.files / "7").mkdir()
    full = sshd.files / "7" / part_name(PARTS)
    full.symlink_to("/dev/full")  # the kernel says "no space left on device" to whoever writes
    with pytest.raises(Unavailable) as failed:
        await way(sshd).deliver(7, PARTS)
    assert failed.value.code == "sftp_failed"
    assert [path.name for path in (sshd.files / "7").iterdir()] == [full.name]
    full.unlink()
    await way(sshd).deliver(7, PARTS)
    assert there(sshd) == PARTS


async def test_a_server_that_is_gone_is_tried_again(sshd: Sshd) -> None:
    sshd.stop()
    with pytest.raises(Unavailable) as failed:
        await way(sshd).deliver(7, PARTS)
    assert failed.value.code == "sftp_unreachable"
    sshd.start()
    await way(sshd).deliver(7, PARTS)
    assert there(sshd) == PARTS


@pytest.mark.parametrize("other", [b"another's", PARTS["eq.csv"].swapcase()])
async def test_another_file_of_the_name_is_never_overwritten(sshd: Sshd, other: bytes) -> None:
    (sshd.files / "7").mkdir()
    (sshd.files / "7" / "eq.csv").write_bytes(other)
    with pytest.raises(Conflict) as refused:
        await way(sshd).deliver(7, PARTS)
    assert refused.value.code == "delivery_different_file"
    assert there(sshd) == {"eq.csv": other}


async def test_a_folder_that_may_not_be_written_says_so(sshd: Sshd) -> None:
    (sshd.files / "7").write_text("no folder")
    with pytest.raises(Unavailable) as failed:
        await way(sshd).deliver(7, PARTS)
    assert failed.value.code == "sftp_failed"


async def test_a_server_that_hangs_is_given_up(sshd: Sshd) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:  # it listens and never answers
        port = silent.getsockname()[1]
        with pytest.raises(Unavailable) as failed:
            await way(sshd, port=port, timeout_seconds=0.5).deliver(7, PARTS)
    assert failed.value.code == "sftp_unreachable"


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"host_keys": []}, "host_keys"),
        ({"host_keys": ["github.com ssh-ed25519 AAAA"]}, "TYPE BASE64"),
        ({"key_file": None}, "key_file"),
    ],
)
def test_settings_without_a_pinned_key_or_a_way_to_prove_the_user_are_refused(
    tmp_path: Path, changes: dict[str, Any], why: str
) -> None:
    section = Sshd(tmp_path / "sshd").section | changes
    with pytest.raises(ValidationError, match=why):
        Sftp.model_validate(section)
    with pytest.raises(ValidationError, match=r"delivery\.sftp"):
        Delivery(channel="sftp")
