"""What a token of the provider is worth. Pure: keys and time are arguments.

An ID token is judged by OpenID Connect Core 1.0, 3.1.3.7; a logout token by Back-Channel Logout 1.0, 2.6.
"""

import base64
import hashlib
import hmac
import math
from collections.abc import Mapping
from typing import Any, Final

import msgspec
from joserfc import jwt
from joserfc.errors import BadSignatureError, InvalidKeyIdError, JoseError
from joserfc.jwk import ECKey, KeySet, OctKey, OKPKey, RSAKey

ALGORITHMS: Final = (
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "Ed25519", "EdDSA",
)  # fmt: skip
"""Signatures with a key of the provider: none without one, and none with a secret that we share."""

SKEW_SECONDS: Final = 60
"""How far the provider's clock may be from ours."""
LOGOUT_SECONDS: Final = 600
"""How old a logout token may be."""
LONGEST_TOKEN: Final = 65_536
LOGOUT_EVENT: Final = "http://schemas.openid.net/event/backchannel-logout"
LONGEST_NAME: Final = 255
"""Characters of a subject (Core, 2), and of the name of a session."""
SMALLEST_RSA: Final = 2048

_KEY_TYPES: Final[dict[str, type[ECKey | OKPKey | RSAKey]]] = {"EC": ECKey, "OKP": OKPKey, "RSA": RSAKey}


class TokenRefused(Exception):
    """A token is worth nothing; the text says why, for the log."""


class UnknownKey(TokenRefused):
    """None of the keys known signed the token: another may have."""


class _Claims(msgspec.Struct, frozen=True):
    iss: str
    aud: str | list[str]
    iat: float
    sub: str = ""
    exp: float | None = None
    nbf: float = 0
    nonce: str | None = None
    azp: str | None = None
    at_hash: str | None = None
    auth_time: float | None = None
    sid: str | None = None
    preferred_username: str = ""
    email: str = ""
    events: dict[str, Any] = {}


class Identity(msgspec.Struct, frozen=True):
    """Who somebody is, as the provider says it."""

    issuer: str
    subject: str
    name: str
    """Name that they sign in with there, else their address for mail; empty where the token has neither."""
    groups: tuple[str, ...]
    session: str
    """What the provider calls its session; empty where it does not say."""
    issued_at: float
    """When it said so, by its own clock."""


class Ended(msgspec.Struct, frozen=True):
    """Whose session, or which one, the provider says is over; one of the two may be empty."""

    subject: str
    session: str
    issued_at: float
    """When it said so, by its own clock."""


def read_keys(document: Mapping[str, Any]) -> KeySet:
    """Return the keys of a JWKS that can have signed a token; what is of no use is left out."""
    found = document.get("keys")
    keys: list[OctKey | RSAKey | ECKey | OKPKey] = [
        key for each in (found if isinstance(found, list) else []) if (key := _key(each)) is not None
    ]
    return KeySet(keys)


def _key(data: Any) -> ECKey | OKPKey | RSAKey | None:
    if not isinstance(data, dict) or data.get("use", "sig") != "sig":
        return None
    kind = _KEY_TYPES.get(str(data.get("kty")))
    try:
        key = kind.import_key(data) if kind else None
        if key is None or (isinstance(key, RSAKey) and key.raw_value.key_size < SMALLEST_RSA):
            return None
    except (JoseError, ValueError, TypeError, KeyError, AttributeError):
        return None
    return key


def read_id_token(
    token: str,
    keys: KeySet,
    issuer: str,
    client: str,
    nonce: str,
    access_token: str,
    groups: str,
    now: float,
    max_age: int = 0,
) -> Identity:
    """Return who the ID token speaks of; raise `TokenRefused`, `UnknownKey` where another key may help.

    *groups* is the name of the claim that lists them. With a *max_age* (not 0) the token says when the person signed in,
    and that is no more seconds ago.
    """
    header, content, claims = _verified(token, keys)
    fault = (
        _fault(claims, issuer, client, now)
        or _id_token_fault(claims, nonce, _half_hash(str(header["alg"]), access_token))
        or _age_fault(claims.auth_time, max_age, now)
    )
    if fault:
        raise TokenRefused(fault)
    name = claims.preferred_username or claims.email
    return Identity(issuer, claims.sub, name, _groups(content.get(groups)), _session(claims), claims.iat)


def read_logout_token(token: str, keys: KeySet, issuer: str, client: str, now: float) -> Ended:
    """Return what the logout token ends; raise `TokenRefused`, `UnknownKey` where another key may help."""
    _, content, claims = _verified(token, keys)
    fault = _fault(claims, issuer, client, now) or _logout_fault(claims, now, with_nonce="nonce" in content)
    if fault:
        raise TokenRefused(fault)
    return Ended(claims.sub, _session(claims), claims.iat)


def _verified(token: str, keys: KeySet) -> tuple[Mapping[str, Any], Mapping[str, Any], _Claims]:
    if len(token) > LONGEST_TOKEN:
        why = "it is too long"
        raise TokenRefused(why)
    try:
        read = jwt.decode(token, keys, algorithms=ALGORITHMS)
        claims = msgspec.convert(read.claims, _Claims)
    except InvalidKeyIdError as error:
        why = "it names a key that the provider does not show"
        raise UnknownKey(why) from error
    except BadSignatureError as error:  # it may have another key by the same name, or by none
        why = "none of the provider's keys signed it"
        raise UnknownKey(why) from error
    except (JoseError, msgspec.ValidationError, ValueError, TypeError, KeyError, RecursionError) as error:
        why = f"it cannot be verified: {type(error).__name__}"
        raise TokenRefused(why) from error
    return read.header, read.claims, claims


def _fault(claims: _Claims, issuer: str, client: str, now: float) -> str:
    """Return what is wrong with any token of the provider, or nothing."""
    if claims.iss != issuer:
        return "another issuer made it"
    audience = [claims.aud] if isinstance(claims.aud, str) else claims.aud
    if client not in audience or (claims.azp or client) != client or (len(audience) > 1 and not claims.azp):
        return "it was made for another client"
    if not (math.isfinite(claims.iat) and math.isfinite(claims.nbf)):
        return "its times are none"
    if max(claims.iat, claims.nbf) > now + SKEW_SECONDS:
        return "it is of the future"
    if claims.exp is not None and not now <= claims.exp + SKEW_SECONDS < math.inf:
        return "it has expired"
    return ""


def _id_token_fault(claims: _Claims, nonce: str, half_hash: str) -> str:
    if claims.exp is None:
        return "it does not say when it expires"
    if claims.nonce is None or not _same(claims.nonce, nonce):
        return "its nonce is not that of this sign-in"
    if claims.at_hash is not None and not _same(claims.at_hash, half_hash):
        return "its at_hash is not that of the access token"
    subject = claims.sub
    if not (subject and len(subject) <= LONGEST_NAME and subject.isascii() and subject.isprintable()):
        return "its subject is none"
    return ""


def _age_fault(auth_time: float | None, max_age: int, now: float) -> str:
    """Return what is wrong with when the person signed in (Core, 2 and 3.1.2.1), or nothing."""
    if not max_age:
        return ""
    if auth_time is None or not math.isfinite(auth_time):
        return "it does not say when the person signed in (auth_time)"
    return (
        ""
        if -SKEW_SECONDS <= now - auth_time <= max_age + SKEW_SECONDS
        else "the person signed in too long ago"
    )


def _logout_fault(claims: _Claims, now: float, *, with_nonce: bool) -> str:
    if now - claims.iat > LOGOUT_SECONDS:
        return "it is too old"
    if LOGOUT_EVENT not in claims.events or with_nonce:
        return "it is no logout token"
    return "" if claims.sub or claims.sid else "it says neither who nor which session"


def _session(claims: _Claims) -> str:
    """Return what the provider calls its session; a name that cannot be kept as it is stands for itself by its hash."""
    session = claims.sid or ""
    if len(session) <= LONGEST_NAME and session.isprintable():
        return session
    return f"sha256:{hashlib.sha256(session.encode(errors='backslashreplace')).hexdigest()}"


def _groups(found: Any) -> tuple[str, ...]:
    each = [found] if isinstance(found, str) else found if isinstance(found, list) else []
    return tuple(group for group in each if isinstance(group, str))


def _half_hash(algorithm: str, access_token: str) -> str:
    """Return what at_hash is (Core, 3.1.3.6): the left half of a hash as wide as the algorithm's."""
    name = {"256": "sha256", "384": "sha384"}.get(algorithm[-3:], "sha512")
    digest = hashlib.new(name, access_token.encode()).digest()
    return base64.urlsafe_b64encode(digest[: len(digest) // 2]).rstrip(b"=").decode()


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode(errors="replace"), other.encode())
