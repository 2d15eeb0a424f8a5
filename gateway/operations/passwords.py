"""Passwords: which are taken, and argon2id in one thread beside everything else."""

import asyncio
import functools
import os
import secrets
import threading
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib.resources import files
from typing import Final, TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from gateway.errors import InvalidInput, TooMany

SHORTEST: Final = 12
"""Characters. NIST SP 800-63B asks for length and against composition rules."""
LONGEST_BYTES: Final = 1024
FEWEST_DIFFERENT: Final = 5
"""Different characters: fewer make a pattern, not a secret."""

HASHER: Final = PasswordHasher(time_cost=3, memory_cost=65_536, parallelism=1)
"""argon2id with 64 MiB: the second recommendation of RFC 9106, on one lane as there is one thread."""

UNRELATED: Final = "Take several words that do not belong together."

WAITING_LIMIT: Final = 16
"""Passwords that may wait for the thread: further sign-ins are sent away at once."""
NICENESS: Final = 10
"""The thread yields to the count, whatever comes in."""

_LOOKALIKES: Final = str.maketrans(
    {"0": "o", "1": "l", "3": "e", "4": "a", "5": "s", "7": "t", "@": "a", "$": "s"}
)

Result = TypeVar("Result")


def normal(password: str) -> str:
    """Return *password* as it is hashed: the same from every keyboard (NFKC)."""
    return unicodedata.normalize("NFKC", password)


def check_password(password: str, name: str) -> None:
    """Raise `InvalidInput` unless the person called *name* may have this password; it is in no message."""
    if found := _unfit(normal(password), name):
        why, remedy = found
        raise InvalidInput("password_refused", f"this password cannot be used: {why}", remedy)


def _unfit(text: str, name: str) -> tuple[str, str] | None:
    """Return what is wrong with a password, and what to do."""
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        return "it holds characters that are none", "Type it again."
    if len(text) < SHORTEST:
        return f"it has fewer than {SHORTEST} characters", "Take several words; blanks are welcome."
    if size > LONGEST_BYTES:
        return f"it has more than {LONGEST_BYTES} bytes", "Take a shorter one."
    if len(set(text.casefold())) < FEWEST_DIFFERENT:
        return "it repeats few characters", UNRELATED
    if is_known(text, name):
        return (
            "it is made of words that everybody tries, or of the name of its person or the product",
            UNRELATED,
        )
    return None


def is_known(password: str, name: str) -> bool:
    """Tell whether *password* is made of nothing but known words, the person's name, digits and signs."""
    folded = password.casefold()
    words = _known_words() | _letters_of(name)
    end = max((n for n, character in enumerate(folded, 1) if character.isalpha()), default=0)
    # A year at the end is a year; in the middle a 0 stands for an o.
    forms = (folded, folded.translate(_LOOKALIKES), folded[:end].translate(_LOOKALIKES))
    return any(_made_of(_letters(form), words) for form in forms)


def _letters(text: str) -> str:
    return "".join(filter(str.isalpha, text))


def _letters_of(name: str) -> frozenset[str]:
    parts = "".join(character if character.isalpha() else " " for character in name.casefold()).split()
    return frozenset({_letters(name.casefold()), *parts}) - {""}


def _made_of(text: str, words: frozenset[str]) -> bool:
    """Tell whether *text* is some of *words* in a row; the empty text is (there are digits alone)."""
    longest = max(map(len, words))
    reached = [True] + [False] * len(text)
    for end in range(1, len(text) + 1):
        reached[end] = any(
            reached[start] and text[start:end] in words for start in range(max(0, end - longest), end)
        )
    return reached[-1]


@functools.cache
def _known_words() -> frozenset[str]:
    text = files("gateway.operations").joinpath("data/known_passwords.txt").read_text("utf-8")
    return frozenset(line for line in text.splitlines() if line and not line.startswith("#"))


def hash_password(password: str) -> str:
    """Return the argon2id hash; it takes a tenth of a second and 64 MiB."""
    return HASHER.hash(normal(password))


def _verify(kept: str, password: str) -> bool:
    try:
        return HASHER.verify(kept, normal(password))
    except (VerificationError, InvalidHashError, UnicodeEncodeError):
        return False


class Passwords:
    """Hashes and verifies in one thread of low priority, whoever asks and however many they are."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, "passwords", initializer=_yield_to_others)
        self._waiting = 0
        self._nobodys = functools.cache(lambda: hash_password(secrets.token_urlsafe()))

    async def hash(self, password: str) -> str:
        """Return the hash of a password; raise `TooMany` where too many wait."""
        return await self._in_thread(lambda: hash_password(password))

    async def verify(self, kept: str | None, password: str) -> bool:
        """Tell whether *password* is the one that was kept; without one the work is the same.

        Raises `TooMany` where too many wait.
        """
        right = await self._in_thread(lambda: _verify(kept or self._nobodys(), password))
        return right and kept is not None

    async def _in_thread(self, work: Callable[[], Result]) -> Result:
        if self._waiting >= WAITING_LIMIT:
            raise TooMany(
                "sign_in_busy", "too many people sign in at this moment", "Try again in a moment.", 2.0
            )
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, work)
        finally:
            self._waiting -= 1

    def prepare(self) -> None:
        """Make the hash that stands for people who do not exist, so that the first of them takes no longer."""
        self._thread.submit(self._nobodys)

    def close(self) -> None:
        """Let the thread end."""
        self._thread.shutdown(wait=False, cancel_futures=True)


def _yield_to_others() -> None:
    os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)
