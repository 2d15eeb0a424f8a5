"""Guessing becomes slow, by account and by address, and nobody is locked out for good."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import TooMany
from gateway.operations.throttle import ACCOUNT, ADDRESS, REMEMBERED, Attempts, Limit, Throttle

NOW = 1_000_000.0


def test_the_delay_doubles_after_the_free_attempts_up_to_its_limit() -> None:
    assert [ACCOUNT.delay(n) for n in range(4, 13)] == [0, 1, 2, 4, 8, 16, 32, 60, 60]
    assert ADDRESS.delay(19) == 0
    assert ADDRESS.delay(10**6) == 300


@given(st.lists(st.floats(0, 400), max_size=60))
def test_an_account_gives_few_guesses_in_any_time_and_never_waits_longer_than_the_limit(
    pauses: list[float],
) -> None:
    """Whatever the rhythm: the free ones, the ones while the delay grows, and one for each longest delay."""
    throttle, now, made = Throttle(ACCOUNT), NOW, 0
    for pause in pauses:
        now += pause
        wait = throttle.wait("ann", now)
        assert 0 <= wait <= ACCOUNT.longest_seconds
        if wait == 0:
            throttle.count("ann", now)
            made += 1
    assert made <= 5 + 7 + (now - NOW) / ACCOUNT.longest_seconds


def test_who_comes_too_early_does_not_make_the_wait_longer() -> None:
    attempts = Attempts()
    for number in range(5):
        attempts.begin("ann", f"address {number}", NOW)
    for _ in range(100):
        with pytest.raises(TooMany) as caught:
            attempts.begin("ann", "another", NOW + 0.5)
        assert caught.value.seconds == 0.5
    attempts.begin("ann", "another", NOW + 1)


def test_an_address_is_slowed_whatever_the_names_are() -> None:
    attempts = Attempts()
    for number in range(20):
        attempts.begin(f"name {number}", "here", NOW)
    with pytest.raises(TooMany):
        attempts.begin("another", "here", NOW)
    attempts.begin("another", "elsewhere", NOW)


def test_one_good_account_does_not_clear_its_address() -> None:
    """Else whoever has one could guess at all others."""
    attempts = Attempts()
    for number in range(19):
        attempts.begin(f"name {number}", "here", NOW)
    attempts.begin("mine", "here", NOW)
    attempts.succeeded("mine", "here")
    attempts.begin("name", "here", NOW)
    with pytest.raises(TooMany):
        attempts.begin("mine", "here", NOW)


def test_one_network_of_ipv6_is_one_address() -> None:
    """Its owner has as many addresses in it as anybody can try."""
    attempts = Attempts()
    for number in range(20):
        attempts.begin(f"name {number}", f"2001:db8:0:1::{number:x}", NOW)
    for address in ("2001:db8:0:1:ffff::1", "2001:db8:0:1::1%eth0"):
        with pytest.raises(TooMany):
            attempts.begin("another", address, NOW)
    attempts.begin("another", "2001:db8:0:2::1", NOW)


def guess_for_ever(attempts: Attempts, account: str) -> None:
    """Try a password from many addresses as soon as each attempt is taken, for an hour."""
    for second in range(3600):
        with contextlib.suppress(TooMany):
            attempts.begin(account, f"192.0.2.{second % 250}", NOW + second)


def test_who_came_in_from_an_address_is_not_slowed_there_by_others_elsewhere() -> None:
    attempts = Attempts()
    attempts.begin("ann", "home", NOW)
    attempts.succeeded("ann", "home")
    guess_for_ever(attempts, "ann")
    with pytest.raises(TooMany):
        attempts.begin("ann", "a new address", NOW + 3599)
    for _ in range(5):
        attempts.begin("ann", "home", NOW + 3599)
    with pytest.raises(TooMany):  # guessing there is slowed as well
        attempts.begin("ann", "home", NOW + 3599)


def test_it_remembers_so_many_places_that_somebody_came_in_from() -> None:
    attempts = Attempts()
    for number in range(REMEMBERED + 2):
        attempts.begin("ann", f"place {number}", NOW)
        attempts.succeeded("ann", f"place {number}")
    assert len(attempts._came_in) == REMEMBERED


def test_what_was_not_judged_does_not_count() -> None:
    attempts = Attempts()
    for _ in range(100):
        attempts.begin("ann", "here", NOW)
        attempts.not_judged("ann", "here")


def test_success_and_time_let_it_forget() -> None:
    throttle = Throttle(Limit(free=1, longest_seconds=60))
    throttle.count("ann", NOW)
    assert throttle.wait("ann", NOW) == 1
    throttle.forget("ann")
    assert throttle.wait("ann", NOW) == 0
    for _ in range(9):
        throttle.count("ann", NOW)
    throttle.count("ann", NOW + 3601)
    assert throttle.wait("ann", NOW + 3601) == 1


def test_it_remembers_so_many_and_forgets_the_one_of_longest_ago() -> None:
    throttle = Throttle(Limit(free=1, longest_seconds=60))
    for number in range(REMEMBERED):
        throttle.count(str(number), NOW)
    throttle.count("0", NOW)
    throttle.count("new", NOW)
    assert throttle.wait("1", NOW) == 0
    assert throttle.wait("0", NOW) == 2
    assert len(throttle._tried) == REMEMBERED
