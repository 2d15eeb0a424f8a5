"""The provider: where its parts are, which keys it shows, and what a code is worth there."""

import base64
import math
from collections.abc import Callable
from typing import Any, Final, TypeVar
from urllib.parse import quote, urlencode

import msgspec
import structlog
from joserfc.jwk import KeySet

from gateway.clock import Clock
from gateway.errors import SettingsError
from gateway.identity import Oidc, secure_address
from gateway.oidc.fetch import Fetch, ProviderRefused, unavailable
from gateway.oidc.tokens import Ended, Identity, UnknownKey, read_id_token, read_keys, read_logout_token

log = structlog.get_logger(__name__)

METADATA_SECONDS: Final = 3600.0
"""How long it is believed where the provider's parts are, and which keys are its own: it takes some away."""
KEYS_SECONDS: Final = 60.0
"""How long after the keys were asked for they are not asked for again, whatever key a token names."""

ANSWER_PATH: Final = "/login/oidc/answer"

Read = TypeVar("Read")


class Metadata(msgspec.Struct, frozen=True):
    """What the provider says of itself (OpenID Connect Discovery 1.0, 3), as far as it matters here."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    end_session_endpoint: str = ""
    token_endpoint_auth_methods_supported: tuple[str, ...] = ("client_secret_basic",)
    authorization_response_iss_parameter_supported: bool = False


class Provider:
    """One provider. What it says is asked for when it is needed, and kept for a while."""

    def __init__(self, settings: Oidc, clock: Clock) -> None:
        self.settings = settings
        self._clock = clock
        self._fetch = Fetch(settings)
        self._metadata: tuple[Metadata, float] | None = None
        self._keys: tuple[KeySet, float] | None = None

    async def metadata(self) -> Metadata:
        """Return where the provider's parts are; raise `Unavailable` where it does not say so."""
        now = self._clock()
        if self._metadata and 0 <= now - self._metadata[1] < METADATA_SECONDS:
            return self._metadata[0]
        url = f"{self.settings.issuer.rstrip('/')}/.well-known/openid-configuration"
        found = _checked(await self._fetch.get(url), self.settings.issuer)
        self._metadata = (found, now)
        return found

    async def authorization_url(self, state: str, nonce: str, challenge: str) -> str:
        """Return where the person signs in; *challenge* is the SHA-256 of the verifier (RFC 7636, S256)."""
        settings = self.settings
        query = {
            "response_type": "code",
            "client_id": settings.client_id,
            "redirect_uri": settings.origin + ANSWER_PATH,
            "scope": " ".join(settings.scopes),
            "state": state,
            "nonce": nonce,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        if settings.max_age_seconds:
            query["max_age"] = str(settings.max_age_seconds)
        return _with_query((await self.metadata()).authorization_endpoint, query)

    async def sign_out_url(self) -> str:
        """Return where the person signs out of the provider too; empty where it has no such place."""
        place = (await self.metadata()).end_session_endpoint
        query = {
            "client_id": self.settings.client_id,
            "post_logout_redirect_uri": f"{self.settings.origin}/login",
        }
        return _with_query(place, query) if place else ""

    async def identity(self, code: str, verifier: str, nonce: str) -> Identity:
        """Return who the code of an answer stands for.

        Raises `ProviderRefused` where the provider does not take it, `TokenRefused` where its ID token is no
        good, `Unavailable` where it does not answer as a provider does.
        """
        settings = self.settings
        answer = await self._exchange(code, verifier)
        token, access_token = answer.get("id_token"), answer.get("access_token")
        if not isinstance(token, str) or not isinstance(access_token, str):
            why = "its answer holds no ID token"
            raise unavailable(why)

        def read(keys: KeySet) -> Identity:
            return read_id_token(
                token,
                keys,
                settings.issuer,
                settings.client_id,
                nonce,
                access_token,
                settings.group_claim,
                self._clock(),
                settings.max_age_seconds,
            )

        return await self._with_keys(read)

    async def ended(self, token: str) -> Ended:
        """Return what a logout token ends; raise `TokenRefused`, or `Unavailable`."""
        settings = self.settings

        def read(keys: KeySet) -> Ended:
            return read_logout_token(token, keys, settings.issuer, settings.client_id, self._clock())

        return await self._with_keys(read)

    async def _with_keys(self, read: Callable[[KeySet], Read]) -> Read:
        """Return what *read* makes of the provider's keys; where none fits, they are asked for anew, once a minute."""
        keys, age = self._keys_and_age()
        try:
            return read(keys if 0 <= age < METADATA_SECONDS else KeySet([]))
        except UnknownKey:
            if 0 <= age < KEYS_SECONDS:
                raise
        document = await self._fetch.get((await self.metadata()).jwks_uri)
        self._keys = (read_keys(document), self._clock())
        return read(self._keys[0])

    def _keys_and_age(self) -> tuple[KeySet, float]:
        return (self._keys[0], self._clock() - self._keys[1]) if self._keys else (KeySet([]), math.inf)

    async def _exchange(self, code: str, verifier: str) -> dict[str, Any]:
        settings, metadata = self.settings, await self.metadata()
        fields = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": settings.origin + ANSWER_PATH,
            "code_verifier": verifier,
        }
        headers = {}
        methods = metadata.token_endpoint_auth_methods_supported
        if settings.client_secret_file is None:
            fields["client_id"] = settings.client_id
        elif "client_secret_basic" in methods or "client_secret_post" not in methods:
            headers["Authorization"] = _basic(settings.client_id, self._secret())
        else:
            fields |= {"client_id": settings.client_id, "client_secret": self._secret()}
        try:
            return await self._fetch.post(metadata.token_endpoint, fields, headers)
        except ProviderRefused as error:
            log.warning("provider_refused_code", error=error.code)
            if error.code == "invalid_client":
                why = "it does not know this gateway's client_id and secret"
                raise unavailable(why) from error
            raise

    def _secret(self) -> str:
        file = self.settings.client_secret_file
        try:
            return file.read_text(encoding="utf-8").strip() if file else ""
        except (OSError, UnicodeDecodeError) as error:
            msg = f"oidc.client_secret_file: {file} cannot be read: {type(error).__name__}"
            raise SettingsError("settings_invalid", msg, "Let the daemon's account read it.") from None

    async def close(self) -> None:
        """Close every connection."""
        await self._fetch.close()


def _checked(document: dict[str, Any], issuer: str) -> Metadata:
    try:
        found = msgspec.convert(document, Metadata)
        for place in (found.authorization_endpoint, found.token_endpoint, found.jwks_uri):
            secure_address(place.partition("?")[0], path=True)
        if found.end_session_endpoint:
            secure_address(found.end_session_endpoint.partition("?")[0], path=True)
    except (msgspec.ValidationError, ValueError) as error:
        why = "what it says of itself is not what a provider says"
        raise unavailable(why) from error
    if found.issuer != issuer:
        why = "it names itself otherwise than oidc.issuer does"
        raise unavailable(why)
    return found


def _with_query(place: str, query: dict[str, str]) -> str:
    return f"{place}{'&' if '?' in place else '?'}{urlencode(query)}"


def _basic(client: str, secret: str) -> str:
    """Return RFC 6749, 2.3.1: both parts encoded as in a form before they are joined."""
    pair = f"{quote(client, safe='')}:{quote(secret, safe='')}"
    return f"Basic {base64.b64encode(pair.encode()).decode()}"
