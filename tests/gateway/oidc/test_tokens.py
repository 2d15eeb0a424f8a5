"""A token of the provider is worth something only where every part of it is right."""

import base64
import hashlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.errors import SecurityWarning
from joserfc.jwk import ECKey, KeySet, OctKey, OKPKey, RSAKey

from gateway.oidc.tokens import (
    LOGOUT_EVENT,
    Ended,
    Identity,
    TokenRefused,
    UnknownKey,
    read_id_token,
    read_keys,
    read_logout_token,
)

NOW = 1_800_000_000.0
ISSUER, CLIENT, NONCE, ACCESS = "https://login.example", "gateway", "a nonce", "an access token"
KEY = RSAKey.generate_key(2048, {"kid": "rsa", "use": "sig"})
CURVE = ECKey.generate_key("P-256", {"kid": "ec"})
EDWARDS = OKPKey.generate_key("Ed25519", {"kid": "ed"})
KEYS = read_keys(KeySet([KEY, CURVE, EDWARDS]).as_dict(private=False))
GOOD: dict[str, Any] = {
    "iss": ISSUER,
    "aud": CLIENT,
    "sub": "u-17",
    "iat": NOW,
    "exp": NOW + 300,
    "nonce": NONCE,
    "groups": ["a", "b"],
    "preferred_username": "ann",
    "email": "ann@grid.example",
}


def made(claims: dict[str, Any], key: Any = KEY, algorithm: str = "RS256", **header: Any) -> str:
    full = {"alg": algorithm, "kid": key.kid} | header
    return jwt.encode(full, claims, key, algorithms=[algorithm])


def read(token: str, keys: KeySet = KEYS) -> Identity:
    return read_id_token(token, keys, ISSUER, CLIENT, NONCE, ACCESS, "groups", NOW)


@pytest.mark.parametrize(
    ("key", "algorithm"), [(KEY, "RS256"), (KEY, "PS512"), (CURVE, "ES256"), (EDWARDS, "Ed25519")]
)
def test_a_good_token_says_who_it_is(key: Any, algorithm: str) -> None:
    found = read(made(GOOD | {"sid": "s-1"}, key, algorithm))
    assert found == Identity(ISSUER, "u-17", "ann", ("a", "b"), "s-1", NOW)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"iss": ISSUER + "/"}, "another issuer"),
        ({"aud": "other"}, "another client"),
        ({"aud": ["other"]}, "another client"),
        ({"aud": [CLIENT, "other"]}, "another client"),
        ({"aud": [CLIENT, "other"], "azp": "other"}, "another client"),
        ({"azp": "other"}, "another client"),
        ({"exp": NOW - 61}, "expired"),
        ({"exp": None}, "does not say when"),
        ({"exp": "tomorrow"}, "cannot be verified"),
        ({"exp": float("inf")}, "expired"),
        ({"exp": float("nan")}, "expired"),
        ({"iat": float("inf")}, "times"),
        ({"iat": NOW + 61}, "future"),
        ({"nbf": NOW + 61}, "future"),
        ({"nonce": None}, "nonce"),
        ({"nonce": "another"}, "nonce"),
        ({"nonce": "é"}, "nonce"),
        ({"sub": ""}, "subject"),
        ({"sub": "x" * 256}, "subject"),
        ({"sub": "a\nb"}, "subject"),
        ({"sub": 17}, "cannot be verified"),
        ({"at_hash": "AAAA"}, "at_hash"),
    ],
)
def test_a_token_with_one_thing_wrong_is_refused(changes: dict[str, Any], why: str) -> None:
    claims = {name: value for name, value in (GOOD | changes).items() if value is not None}
    with pytest.raises(TokenRefused, match=why):
        read(made(claims))


def test_at_hash_is_the_left_half_of_the_hash_as_wide_as_the_algorithms() -> None:
    for algorithm, name in (("RS256", "sha256"), ("RS384", "sha384"), ("PS512", "sha512")):
        digest = hashlib.new(name, ACCESS.encode()).digest()
        half = base64.urlsafe_b64encode(digest[: len(digest) // 2]).rstrip(b"=").decode()
        assert read(made(GOOD | {"at_hash": half}, algorithm=algorithm)).subject == "u-17"


def part(value: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def test_a_token_without_a_signature_is_refused() -> None:
    for algorithm in ("none", "None", "NONE"):
        for header in ({"alg": algorithm}, {"alg": algorithm, "kid": "rsa"}):
            with pytest.raises(TokenRefused):
                read(f"{part(header)}.{part(GOOD)}.")


def test_a_token_signed_with_the_public_key_as_a_secret_is_refused() -> None:
    """The old confusion of RS256 with HS256."""
    for secret in (KEY.as_pem(private=False), json.dumps(KEY.as_dict(private=False)).encode(), b"x" * 32):
        key = OctKey.import_key(secret.rstrip().replace(b"-----BEGIN", b"----BEGIN"))
        with pytest.raises(TokenRefused):
            read(made(GOOD, key, "HS256", kid="rsa"))


def test_a_token_of_another_key_is_refused_and_one_of_an_unknown_key_says_so() -> None:
    stranger = RSAKey.generate_key(2048, {"kid": "rsa"})
    with pytest.raises(UnknownKey, match="none of the provider's keys"):
        read(made(GOOD, stranger))
    with pytest.raises(UnknownKey):
        read(made(GOOD, stranger, kid="new"))
    with pytest.raises(UnknownKey):
        read(made(GOOD), KeySet([]))


def test_a_token_that_was_changed_is_refused() -> None:
    header, body, signature = made(GOOD).split(".")
    for other in (
        f"{header}.{part(GOOD | {'groups': ['admins']})}.{signature}",
        f"{part({'alg': 'RS256', 'kid': 'ec'})}.{body}.{signature}",
        f"{header}.{body}.",
        f"{header}.{body}",
        "",
        "x" * 70_000,
    ):
        with pytest.raises(TokenRefused):
            read(other)


@given(st.text())
def test_no_text_but_a_token_is_one(text: str) -> None:
    with pytest.raises(TokenRefused):
        read(text)


@pytest.mark.parametrize(
    ("groups", "wanted"),
    [("one", ("one",)), (["a", 1, None, "b"], ("a", "b")), ({"a": 1}, ()), (None, ()), (17, ())],
)
def test_groups_are_texts_whatever_else_the_claim_holds(groups: Any, wanted: tuple[str, ...]) -> None:
    assert read(made(GOOD | {"groups": groups})).groups == wanted


def test_keys_that_can_sign_nothing_here_are_left_out() -> None:
    with pytest.warns(SecurityWarning):
        weak = RSAKey.generate_key(1024, {"kid": "weak"})
    secret = OctKey.generate_key(256, {"kid": "secret"})
    for_secrecy = RSAKey.generate_key(2048, {"kid": "enc", "use": "enc"})
    document = {
        "keys": [
            weak.as_dict(private=False),
            secret.as_dict(private=True),
            for_secrecy.as_dict(private=False),
            {"kty": "RSA", "n": "!", "e": 1},
            {"kty": ["RSA"]},
            "x",
            CURVE.as_dict(private=False),
        ]
    }
    with pytest.warns(SecurityWarning):  # of the library, for the weak one
        assert [key.kid for key in read_keys(document)] == ["ec"]
    assert not read_keys({"keys": "none"})
    assert not read_keys({})


LOGOUT: dict[str, Any] = {
    "iss": ISSUER,
    "aud": CLIENT,
    "iat": NOW,
    "exp": NOW + 120,
    "jti": "1",
    "sid": "s-1",
    "events": {LOGOUT_EVENT: {}},
}


def test_a_logout_token_says_what_is_over() -> None:
    assert read_logout_token(made(LOGOUT), KEYS, ISSUER, CLIENT, NOW) == Ended("", "s-1", NOW)


@pytest.mark.parametrize("name", ["s" * 256, "a\nb", "\x00", "\u200b"])
def test_a_session_whose_name_cannot_be_kept_is_found_by_its_hash(name: str) -> None:
    """No name is taken for none: else a logout by it alone would end nothing."""
    begun = read(made(GOOD | {"sid": name})).session
    assert begun.startswith("sha256:")
    assert read_logout_token(made(LOGOUT | {"sid": name}), KEYS, ISSUER, CLIENT, NOW).session == begun
    assert read(made(GOOD | {"sid": name + "x"})).session != begun


@pytest.mark.parametrize(
    "changes",
    [
        {"events": {}},
        {"events": None},
        {"nonce": NONCE},
        {"nonce": ""},
        {"sid": None},
        {"iat": NOW - 601},
        {"iat": NOW + 61},
        {"exp": NOW - 61},
        {"aud": "other"},
        {"iss": "https://other.example"},
    ],
)
def test_what_is_no_logout_token_ends_nothing(changes: dict[str, Any]) -> None:
    claims = {name: value for name, value in (LOGOUT | changes).items() if value is not None}
    with pytest.raises(TokenRefused):
        read_logout_token(made(claims), KEYS, ISSUER, CLIENT, NOW)


def test_an_id_token_is_no_logout_token_and_the_other_way_round() -> None:
    with pytest.raises(TokenRefused):
        read_logout_token(made(GOOD), KEYS, ISSUER, CLIENT, NOW)
    with pytest.raises(TokenRefused):
        read(made(LOGOUT | {"sub": "u-17"}))


def test_somebody_who_signed_in_long_ago_or_nobody_knows_when_is_not_let_in() -> None:
    def read_within(claims: dict[str, Any], max_age: int) -> str:
        try:
            read_id_token(made(claims), KEYS, ISSUER, CLIENT, NONCE, ACCESS, "groups", NOW, max_age)
        except TokenRefused as error:
            return str(error)
        return "let in"

    assert read_within(GOOD | {"auth_time": NOW - 900}, 900) == "let in"
    assert read_within(GOOD, 0) == "let in"
    assert read_within(GOOD, 900) == "it does not say when the person signed in (auth_time)"
    for long_ago in (NOW - 1000, NOW + 100):
        assert read_within(GOOD | {"auth_time": long_ago}, 900) == "the person signed in too long ago"
    assert read_within(GOOD | {"auth_time": "yesterday"}, 900).startswith("it cannot be verified")
