"""Which passwords are taken, and that comparing them costs the same whoever asks."""

import asyncio
import statistics
import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import InvalidInput, TooMany
from gateway.operations.passwords import (
    LONGEST_BYTES,
    SHORTEST,
    WAITING_LIMIT,
    Passwords,
    check_password,
    hash_password,
)


def refusal(password: str, name: str = "alice") -> str:
    with pytest.raises(InvalidInput) as caught:
        check_password(password, name)
    assert caught.value.code == "password_refused"
    assert len(password) < 4 or password not in caught.value.message + caught.value.remedy
    return caught.value.message


@pytest.mark.parametrize(
    "password",
    [
        "grey heron over the lake",
        "correct horse battery",
        "Wintergarten am Fluss",
        "zażółć gęślą jaźń",
        "tr0mbone.kettle.9",
        "x" * 4 + "ABCD-efgh",
        "水曜日の朝に静かな湖で泳ぐ",
    ],
)
def test_length_is_what_counts_and_any_characters_will_do(password: str) -> None:
    check_password(password, "alice")


@pytest.mark.parametrize(
    "password",
    [
        "password1234",
        "P@ssw0rd2026!",
        "qwertyuiop123",
        "123456789012",
        "letmeinletmein",
        "adt-gateway-2026",
        "Welcome2026!!",
        "Summer2026!Summer",
        "alice2026alice",
        "alicealicealice",
        "correcthorsebatterystaple",
        "ADMIN administrator",
        "trustno1trustno1",
        "Christmas2025",
        "zaq12wsxcde3",
        "qazwsxedcrfv",
        "poiuytrewq12",
        "abcdefghijkl",
        "пароль123456",  # noqa: RUF001 - Cyrillic
        "йцукенгшщзхъ",
    ],
)
def test_what_everybody_tries_is_refused(password: str) -> None:
    assert "everybody tries" in refusal(password)


def test_parts_of_the_name_are_no_secret() -> None:
    for password in ("jane.doe-2026", "doedoedoe 1234", "JaneDoePassword1"):
        assert "everybody tries" in refusal(password, "jane.doe")
    check_password("jane likes cold rivers", "jane.doe")


@pytest.mark.parametrize("password", ["aaaaaaaaaaaaaaaa", "abababababababab", "zqzqzqzqzq zqzq"])
def test_few_different_characters_are_refused(password: str) -> None:
    assert "repeats" in refusal(password)


@given(st.text(max_size=SHORTEST - 1))
def test_what_is_short_is_refused_whatever_it_is(password: str) -> None:
    """Normalising may lengthen a text: what counts is what is hashed."""
    if len(unicodedata.normalize("NFKC", password)) < SHORTEST:
        refusal(password)


def test_the_limits_are_exact() -> None:
    assert "fewer than 12" in refusal("kettle otter"[:11])
    check_password("kettle otter", "alice")
    longest = ("kettle otter " * 100)[:LONGEST_BYTES]
    check_password(longest, "alice")
    assert "more than 1024" in refusal(longest + "x")
    assert "more than 1024" in refusal("é" * 513 + "abcd")


def test_lone_surrogates_are_no_password() -> None:
    assert "characters that are none" in refusal("kettle otter \udcff")


async def test_a_password_is_the_same_from_every_keyboard() -> None:
    passwords = Passwords()
    kept = await passwords.hash("caf\u00e9 by the river")
    assert kept.startswith("$argon2id$v=19$m=65536,t=3,p=1$")
    assert await passwords.verify(kept, "cafe\u0301 by the river")
    assert not await passwords.verify(kept, "cafe by the river")
    assert not await passwords.verify("no hash at all", "caf\u00e9 by the river")
    passwords.close()


async def test_without_a_hash_nothing_is_right_and_the_work_is_the_same() -> None:
    passwords = Passwords()
    kept = hash_password("grey heron over the lake")
    await passwords.verify(None, "first")  # makes the hash that stands for nobody's

    def processor_seconds() -> float:
        """Return how long the thread worked until now, whoever else works beside it."""
        return passwords._thread.submit(time.thread_time).result()

    async def took(hash_: str | None) -> float:
        times = []
        for _ in range(5):
            began = processor_seconds()
            assert not await passwords.verify(hash_, "wrong")
            times.append(processor_seconds() - began)
        return statistics.median(times)

    with_one, without = await took(kept), await took(None)
    assert 0.5 < with_one / without < 2
    passwords.close()


async def test_a_crowd_is_sent_away_and_the_loop_stays_free() -> None:
    passwords = Passwords()
    kept = hash_password("grey heron over the lake")
    turns = 0

    async def watch() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0.005)
            turns += 1

    watching = asyncio.get_running_loop().create_task(watch())
    outcomes = await asyncio.gather(
        *(passwords.verify(kept, "wrong") for _ in range(1000)), return_exceptions=True
    )
    watching.cancel()
    judged = [outcome for outcome in outcomes if outcome is False]
    sent_away = [outcome for outcome in outcomes if isinstance(outcome, TooMany)]
    assert (len(judged), len(sent_away)) == (WAITING_LIMIT, 1000 - WAITING_LIMIT)
    assert turns > 3 * WAITING_LIMIT  # each hash takes many of them
    passwords.close()
