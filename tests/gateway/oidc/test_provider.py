"""Which keys are the provider's own: it changes them, and takes some away."""

import time
from collections.abc import AsyncIterator

import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey

from gateway.identity import Oidc
from gateway.oidc.provider import KEYS_SECONDS, METADATA_SECONDS, Provider
from gateway.oidc.tokens import TokenRefused
from tests.support.bad_provider import BadProvider
from tests.support.oidc_provider import CLIENT


class House:
    """Somebody who signs in at a provider, at a time that is set; tokens are of the time that it is."""

    def __init__(self, there: BadProvider) -> None:
        self.there = there
        self.there.nonce = "n"
        self.later = 0.0
        settings = Oidc(
            issuer=there.issuer, client_id=CLIENT, origin="http://localhost:1", roles={"x": "auditor"}
        )
        self.provider = Provider(settings, lambda: time.time() + self.later)

    def pass_time(self, seconds: float) -> None:
        self.later += seconds
        now = int(time.time() + self.later)
        self.there.claims = {"iat": now, "exp": now + 60, "auth_time": now}

    async def signs_in(self) -> bool:
        try:
            return (await self.provider.identity("c", "v", "n")).subject == "u-1"
        except TokenRefused:
            return False


@pytest.fixture
async def house() -> AsyncIterator[House]:
    with BadProvider() as there:
        made = House(there)
        yield made
        await made.provider.close()


async def test_a_key_that_the_provider_took_away_is_believed_for_an_hour_at_the_most(house: House) -> None:
    assert await house.signs_in()
    house.there.shown = [RSAKey.generate_key(2048, {"kid": "two", "use": "sig"})]
    house.pass_time(METADATA_SECONDS - 60)
    assert await house.signs_in()
    house.pass_time(60)
    assert not await house.signs_in()


@pytest.mark.parametrize("kid", ["", "always the same"])
async def test_a_new_key_by_the_same_name_or_by_none_is_found(house: House, kid: str) -> None:
    header = {"alg": "RS256"} | ({"kid": kid} if kid else {})
    house.there.token = lambda claims: jwt.encode(header, claims, house.there.key)

    def take_another() -> None:
        house.there.key = RSAKey.generate_key(2048, {"use": "sig", "kid": kid} if kid else {"use": "sig"})
        house.there.shown = [house.there.key]

    take_another()
    assert await house.signs_in()
    take_another()
    assert not await house.signs_in(), "no flood of questions"
    house.pass_time(KEYS_SECONDS)
    assert await house.signs_in()
    assert house.there.asked.count("/keys") == 2
