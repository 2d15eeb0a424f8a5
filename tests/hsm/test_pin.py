"""The PIN is read with care, shown to nobody, and not offered twice once refused."""

import copy
import pickle
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hsm.errors import TokenError
from hsm.pin import PIN_BYTES, Pin, Refusals, create_pin_file, forget_refusal, read_pin
from tests.support.synced import watched_fsync


def write_pin(directory: Path, content: bytes, mode: int = 0o600) -> Path:
    path = directory / "pin"
    path.write_bytes(content)
    path.chmod(mode)
    return path


def code_of_reading(path: Path) -> str:
    with pytest.raises(TokenError) as caught:
        read_pin(path)
    return caught.value.code


@pytest.mark.parametrize(
    ("content", "pin"),
    [(b"1234", "1234"), (b"1234\n", "1234"), (b"1234\r\n", "1234"), (b"1234\n\n", "1234\n"), (b" 1 ", " 1 ")],
)
def test_one_trailing_newline_is_taken_off(tmp_path: Path, content: bytes, pin: str) -> None:
    assert read_pin(write_pin(tmp_path, content)).reveal() == pin


@pytest.mark.parametrize("content", [b"", b"\n", b"x" * (PIN_BYTES + 1), b"x" * 5000, b"\xff\xfe"])
def test_an_empty_long_or_binary_file_is_refused(tmp_path: Path, content: bytes) -> None:
    assert code_of_reading(write_pin(tmp_path, content)) == "pin_file"


def test_the_longest_pin_may_end_in_a_newline(tmp_path: Path) -> None:
    assert len(read_pin(write_pin(tmp_path, b"x" * PIN_BYTES + b"\n")).reveal()) == PIN_BYTES


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o601])
def test_a_file_that_others_may_use_is_refused(tmp_path: Path, mode: int) -> None:
    assert code_of_reading(write_pin(tmp_path, b"1234", mode)) == "pin_file"


def test_the_group_may_read_a_credential_of_systemd_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From systemd 254 on the access control list of a credential shows as mode 0440."""
    credential = write_pin(tmp_path, b"1234", 0o440)
    assert code_of_reading(credential) == "pin_file"
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path / "elsewhere"))
    assert code_of_reading(credential) == "pin_file"
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert read_pin(credential).reveal() == "1234"
    for mode in (0o460, 0o450, 0o444):
        credential.chmod(mode)
        assert code_of_reading(credential) == "pin_file"


def test_a_missing_file_and_a_directory_are_refused(tmp_path: Path) -> None:
    assert code_of_reading(tmp_path / "none") == "pin_file"
    assert code_of_reading(tmp_path) == "pin_file"


@given(st.text("0123456789", min_size=4, max_size=20))
def test_a_pin_is_neither_printed_nor_copied(text: str) -> None:
    pin = Pin(text)
    assert text not in f"{pin} {pin!r}"
    for leak in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError):
            leak(pin)


def test_a_made_pin_file_is_private_and_never_replaced(tmp_path: Path) -> None:
    path = tmp_path / "pin"
    create_pin_file(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert len(read_pin(path).reveal()) == 16
    with pytest.raises(FileExistsError):
        create_pin_file(path)


@settings(max_examples=5, deadline=None)
@given(st.text(min_size=1, max_size=8), st.text(min_size=1, max_size=8))
def test_a_refusal_is_for_one_pin_of_one_token_until_it_is_forgotten(
    tmp_path_factory: pytest.TempPathFactory, text: str, other: str
) -> None:
    path = tmp_path_factory.mktemp("refusals") / "refused.json"
    refusals = Refusals(path)
    assert not refusals.holds("token", Pin(text))

    refusals.add("token", Pin(text))

    assert Refusals(path).holds("token", Pin(text))
    assert not refusals.holds("another", Pin(text))
    assert refusals.holds("token", Pin(other)) is (other == text)
    forget_refusal(path)
    forget_refusal(path)
    assert not refusals.holds("token", Pin(text))


def test_a_refusal_file_that_cannot_be_read_permits_no_login(tmp_path: Path) -> None:
    path = tmp_path / "refused.json"
    path.write_text("{}")
    with pytest.raises(TokenError) as caught:
        Refusals(path).holds("token", Pin("1234"))
    assert caught.value.code == "refusal_file"


def test_a_refusal_is_on_disk_with_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with watched_fsync(monkeypatch) as synced:
        Refusals(tmp_path / "refused.json").add("token", Pin("1234"))
    assert synced[-1] == tmp_path
