"""Access tokens of people and machines: issued, looked up, revoked."""

import hashlib
import secrets
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.access import Person, Role
from gateway.audit.record import Entry
from gateway.errors import InvalidInput, NotAuthenticated, NotFound
from gateway.operations.people import enabled, existing
from gateway.store import access_tokens as store
from gateway.store.audit_log import append_record
from gateway.store.database import Database

TOKEN_PREFIX: Final = "adtgw_"  # noqa: S105 - a mark by which scanners find tokens that leaked
TOKEN_BYTES: Final = 32
"""256 random bits: a plain hash of them cannot be guessed back."""

USUAL_DAYS: Final = 90
LONGEST_DAYS: Final = 366
DAY_SECONDS: Final = 86_400
LABEL_LENGTH: Final = 80


def token_hash(token: str) -> str:
    """Return what a token is kept as."""
    # Bytes of a header that are not UTF-8 come as surrogates: they are a token that nobody has.
    return hashlib.sha256(token.encode(errors="surrogatepass")).hexdigest()


async def issue_access_token(
    database: Database,
    actor: str,
    name: str,
    roles: tuple[Role, ...],
    now: float,
    *,
    label: str = "",
    days: int = USUAL_DAYS,
) -> str:
    """Return a new access token of a person, for *roles* or for all that they have; it is not kept.

    It ends after *days*. *label* says what it is for.
    """
    _check(label, days)
    async with database.write() as connection:
        person = await enabled(connection, name)
        wanted = roles or person.roles
        if missing := set(wanted) - set(person.roles):
            msg = f"{name} does not have the role {', '.join(sorted(missing))}"
            raise InvalidInput("person_roles", msg, f"{name} has: {', '.join(person.roles)}.")
        token = TOKEN_PREFIX + secrets.token_urlsafe(TOKEN_BYTES)
        ends = int(now) + days * DAY_SECONDS
        number = await store.insert_access_token(
            connection, person.id, token_hash(token), wanted, label, now, ends
        )
        detail = {
            "number": number,
            "label": label,
            "days": days,
            "roles": sorted(set(wanted)),
            "sha256": token_hash(token),
        }
        await append_record(connection, Entry(actor, "access_token.issued", f"person/{name}", detail), now)
    return token


def _check(label: str, days: int) -> None:
    if len(label) > LABEL_LENGTH or not label.isprintable():
        msg = f"what an access token is for has {LABEL_LENGTH} printable characters at the most"
        raise InvalidInput("access_token_label", msg, "Say it in fewer words.")
    if not 1 <= days <= LONGEST_DAYS:
        msg = f"an access token works for 1 to {LONGEST_DAYS} days, not {days}"
        raise InvalidInput("access_token_days", msg, "Issue a new one before it ends.")


async def revoke_access_token(database: Database, actor: str, name: str, number: int, now: float) -> None:
    """Let an access token of a person stand for nobody from now on."""
    async with database.write() as connection:
        token = await store.get_access_token(connection, number)
        if token is None or token.person != name:
            msg = f"{name} has no access token {number}"
            raise NotFound("access_token_unknown", msg, f"List them: adt-gateway user tokens {name}")
        if token.revoked_at is not None:
            return
        await store.revoke_access_token(connection, number, now)
        entry = Entry(actor, "access_token.revoked", f"person/{name}", {"number": number})
        await append_record(connection, entry, now)


async def access_tokens_of(connection: AsyncConnection, name: str) -> list[store.AccessTokenRow]:
    """Return a person's access tokens, the newest first."""
    return await store.access_tokens_of(connection, (await existing(connection, name)).id)


async def list_access_tokens(database: Database, name: str) -> list[store.AccessTokenRow]:
    """Return a person's access tokens, the newest first; raise `NotFound` where there is no such person."""
    async with database.read() as connection:
        return await access_tokens_of(connection, name)


async def authenticate(database: Database, token: str, now: float) -> tuple[int, Person]:
    """Return an access token's number and who it stands for; raise `NotAuthenticated`, saying nothing more."""
    async with database.read() as connection:
        found = await store.find_by_access_token(connection, token_hash(token), now)
    if found is None:
        raise NotAuthenticated(
            "access_token_unknown",
            "the access token is not known",
            "Ask for a new one: adt-gateway user issue-token",
        )
    return found
