"""Settings of a provider and of passkeys: what cannot work or is not safe is refused with its key."""

from typing import Any, get_args

import pytest
from pydantic import ValidationError

from gateway.access import Role
from gateway.identity import Oidc, PasskeySettings, RoleName
from gateway.settings import Settings

OIDC: dict[str, Any] = {
    "issuer": "https://login.example/realms/grid",
    "client_id": "adt-gateway",
    "origin": "https://adt.example/",
    "roles": {"g": "approver"},
}


def test_the_roles_that_groups_give_are_those_of_people() -> None:
    assert set(get_args(RoleName)) == set(Role) - {Role.ADAPTOR}


def test_a_good_table_is_taken_and_the_issuer_stays_letter_for_letter() -> None:
    assert Oidc.model_validate(OIDC).origin == "https://adt.example"
    for issuer in ("https://login.example/", "https://login.example", "http://127.0.0.1:9"):
        assert Oidc.model_validate(OIDC | {"issuer": issuer}).issuer == issuer


@pytest.mark.parametrize(
    "changes",
    [
        {"issuer": "http://login.example"},
        {"issuer": "login.example"},
        {"issuer": "https://u:p@login.example"},
        {"issuer": "https://login.example?x=1"},
        {"issuer": "https://" + "x" * 500},
        {"origin": "http://adt.example"},
        {"origin": "https://adt.example/console"},
        {"scopes": ["profile"]},
        {"scopes": ["openid", "a b"]},
        {"roles": {}},
        {"roles": {"g": "adaptor"}},
        {"client_id": ""},
        {"client_secret": "in the settings"},
    ],
)
def test_what_cannot_work_or_is_not_safe_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Oidc.model_validate(OIDC | changes)


@pytest.mark.parametrize(
    ("origin", "rp_id", "domain"),
    [
        ("https://adt.example.com", "", "adt.example.com"),
        ("https://adt.example.com:8443", "example.com", "example.com"),
        ("http://localhost:8470", "", "localhost"),
    ],
)
def test_passkeys_belong_to_the_host_or_a_domain_above_it(origin: str, rp_id: str, domain: str) -> None:
    assert PasskeySettings(origin=origin, rp_id=rp_id).domain == domain


@pytest.mark.parametrize(
    ("origin", "rp_id"),
    [
        ("http://127.0.0.1:8470", ""),
        ("http://adt.example.com", ""),
        ("https://adt.example.com", "xample.com"),
        ("https://adt.example.com", "other.com"),
        ("https://adt.example.com/x", ""),
    ],
)
def test_passkeys_belong_to_no_address_and_no_other_domain(origin: str, rp_id: str) -> None:
    with pytest.raises(ValidationError):
        PasskeySettings(origin=origin, rp_id=rp_id)


@pytest.mark.parametrize("use", ["optional", "required"])
def test_approval_with_passkeys_needs_their_origin(use: str) -> None:
    with pytest.raises(ValidationError, match=r"passkeys\.origin"):
        Settings.model_validate({"approval": {"passkey": use}})
