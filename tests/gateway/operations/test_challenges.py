"""A random number is taken once, soon, by the session that got it, for what it got it for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import Conflict
from gateway.operations.challenges import LASTS_SECONDS, OF_A_SESSION, Challenges


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def taken(challenges: Challenges, nonce: str, session: int = 1, purpose: str = "add") -> bool:
    try:
        challenges.take(nonce, session, purpose)
    except Conflict:
        return False
    return True


def test_it_is_taken_once() -> None:
    challenges = Challenges(Clock())
    nonce = challenges.give(1, "add")
    assert taken(challenges, nonce)
    assert not taken(challenges, nonce)


@pytest.mark.parametrize(("session", "purpose"), [(2, "add"), (1, "approve 1")])
def test_whoever_takes_it_wrongly_spends_it(session: int, purpose: str) -> None:
    challenges = Challenges(Clock())
    nonce = challenges.give(1, "add")
    assert not taken(challenges, nonce, session, purpose)
    assert not taken(challenges, nonce)


@given(st.floats(-10, 2 * LASTS_SECONDS))
def test_it_lasts_five_minutes(passed: float) -> None:
    clock = Clock()
    challenges = Challenges(clock)
    nonce = challenges.give(1, "add")
    clock.now += passed
    assert taken(challenges, nonce) is (0 <= clock.now - 1000.0 < LASTS_SECONDS)


def test_a_session_pushes_out_its_own_alone() -> None:
    challenges = Challenges(Clock())
    other = challenges.give(2, "add")
    own = [challenges.give(1, "add") for _ in range(OF_A_SESSION + 5)]
    assert [taken(challenges, nonce) for nonce in own] == [False] * 5 + [True] * OF_A_SESSION
    assert taken(challenges, other, 2)
