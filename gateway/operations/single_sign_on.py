"""Signing in through an OpenID Connect provider: authorization code flow with PKCE.

Nothing is kept between the two steps but a cookie in the browser. Its random content makes state, nonce and
PKCE verifier, by a key that this process alone has: an answer is taken from the browser that asked, for ten
minutes, and a restart forgets all that are under way.
"""

import base64
import contextlib
import hashlib
import hmac
import secrets
from collections.abc import Mapping
from typing import Final

import msgspec
import structlog

from gateway.access import Role
from gateway.audit.record import Entry
from gateway.clock import Clock
from gateway.errors import GatewayError, NotAuthenticated, TooMany, Unavailable
from gateway.identity import Oidc
from gateway.metrics import SIGN_INS
from gateway.oidc.fetch import ProviderRefused, plain_word
from gateway.oidc.provider import Metadata, Provider
from gateway.oidc.tokens import LOGOUT_SECONDS, Ended, Identity, TokenRefused
from gateway.operations.provider_people import admit, no_role, roles_of
from gateway.operations.sessions import Sessions
from gateway.operations.throttle import ADDRESS, Throttle, place_of
from gateway.store.audit_log import append_record
from gateway.store.database import Database
from gateway.store.people import find_by_identity
from gateway.store.sessions import end_provider_session, end_sessions

log = structlog.get_logger(__name__)

UNDER_WAY_SECONDS: Final = 600
LONGEST_PATH: Final = 1000
"""Of where the person wanted to go; beyond it they go to the start."""
LONGEST_CODE: Final = 4096
KEPT_SECONDS: Final = UNDER_WAY_SECONDS + LOGOUT_SECONDS
"""How long after a session ended at the provider somebody may still be on the way in with it."""


class UnderWay(msgspec.Struct, frozen=True):
    """A sign-in that has begun: what the browser keeps of it."""

    secret: str
    begun_at: int
    following: str

    def cookie(self) -> str:
        """Return it as the cookie's value."""
        text = base64.urlsafe_b64encode(self.following.encode()).decode().rstrip("=")
        return f"{self.secret}.{self.begun_at}.{text}"

    @classmethod
    def read(cls, cookie: str) -> "UnderWay | None":
        """Return what *cookie* holds, or None where it holds nothing of the kind."""
        secret, _, rest = cookie.partition(".")
        begun_at, _, text = rest.partition(".")
        if not (secret and begun_at.isascii() and begun_at.isdecimal() and len(begun_at) < 16):  # noqa: PLR2004
            return None
        try:
            following = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode()
        except (ValueError, UnicodeError):
            return None
        return cls(secret, int(begun_at), following)


class SingleSignOn:
    """Signs people in through one provider, and out where it says so."""

    def __init__(self, settings: Oidc, database: Database, sessions: Sessions, clock: Clock) -> None:
        self.provider = Provider(settings, clock)
        self._settings = settings
        self._database = database
        self._sessions = sessions
        self._clock = clock
        self._key = secrets.token_bytes(32)
        self._throttle = Throttle(ADDRESS)
        self._over: dict[str, Ended] = {}
        """What the provider ended while somebody may still be on the way in with it: by its session, or its subject."""

    @property
    def name(self) -> str:
        """What people call the provider."""
        return self._settings.name

    async def begin(self, following: str) -> tuple[str, str]:
        """Return where the person signs in, and the cookie that their browser keeps meanwhile."""
        path = following if len(following) <= LONGEST_PATH else "/"
        under_way = UnderWay(secrets.token_urlsafe(32), int(self._clock()), path)
        verifier = self._derived(under_way, "verifier")
        digest = hashlib.sha256(verifier.encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        state, nonce = self._derived(under_way, "state"), self._derived(under_way, "nonce")
        return await self.provider.authorization_url(state, nonce, challenge), under_way.cookie()

    def _derived(self, under_way: UnderWay, purpose: str) -> str:
        text = f"{purpose}\n{under_way.cookie()}"
        return hmac.new(self._key, text.encode(), hashlib.sha256).hexdigest()

    async def finish(
        self, answer: Mapping[str, str], cookie: str, address: str, agent: str
    ) -> tuple[str, str]:
        """Begin a session by the provider's answer; return its secret, and where the person wanted to go.

        Raises `NotAuthenticated` where the answer is not of this browser or not good, `NotPermitted` where
        the person may not come in, `TooMany`, and `Unavailable` where the provider does not do its part.
        """
        # First, so that answers which nobody here asked for keep nobody of their address out.
        under_way = self._of_this_browser(answer.get("state", ""), cookie)
        place = place_of(address)
        if wait := self._throttle.wait(place, self._clock()):
            msg = "there were too many attempts to sign in"
            raise TooMany("sign_in_slowed", msg, f"Try again in {max(1, round(wait))} seconds.", wait)
        self._throttle.count(place, self._clock())
        try:
            identity = await self._identity(answer, under_way)
            secret = await self._let_in(identity, address, agent)
        except Unavailable:
            self._throttle.take_back(place)
            raise
        except GatewayError as error:
            SIGN_INS.labels("refused").inc()
            log.warning("sign_in_refused", code=error.code, address=address)
            raise
        self._throttle.take_back(place)
        SIGN_INS.labels("signed_in").inc()
        return secret, under_way.following

    def _of_this_browser(self, state: str, cookie: str) -> UnderWay:
        under_way = UnderWay.read(cookie)
        lasts = under_way is not None and 0 <= self._clock() - under_way.begun_at < UNDER_WAY_SECONDS
        if (
            under_way is None
            or not lasts
            or not hmac.compare_digest(
                state.encode(errors="replace"), self._derived(under_way, "state").encode()
            )
        ):
            msg = "this sign-in was not begun in this browser, or too long ago"
            raise NotAuthenticated("sign_in_over", msg, "Sign in again.")
        return under_way

    async def _identity(self, answer: Mapping[str, str], under_way: UnderWay) -> Identity:
        if fault := self._fault(answer, await self.provider.metadata()):
            raise _refused(fault)
        verifier, nonce = self._derived(under_way, "verifier"), self._derived(under_way, "nonce")
        try:
            return await self.provider.identity(answer["code"], verifier, nonce)
        except (ProviderRefused, TokenRefused) as error:
            raise _refused(str(error)) from error

    def _fault(self, answer: Mapping[str, str], metadata: Metadata) -> str:
        """Return what is wrong with an answer before its code is tried, or nothing."""
        issuer = answer.get("iss")
        silent = issuer is None and not metadata.authorization_response_iss_parameter_supported
        if not silent and issuer != self._settings.issuer:  # RFC 9207
            return "another issuer answered"
        if "error" in answer:
            return f"it answered {plain_word(answer['error'])}"
        return "" if 0 < len(answer.get("code", "")) <= LONGEST_CODE else "it answered without a code"

    async def _let_in(self, identity: Identity, address: str, agent: str) -> str:
        roles: tuple[Role, ...] = roles_of(identity.groups, self._settings.roles)
        now = self._clock()
        async with self._database.write() as connection:
            person = await admit(connection, identity, roles, now)
            if self._is_over(identity):  # looked at where ends are written too: one of the two sees the other
                why = "its session was ended there before it began here"
                raise _refused(why)
            if roles:
                return await self._sessions.begin(connection, person, address, agent, now, identity.session)
        raise no_role()  # what they had is taken away, on record

    def _is_over(self, identity: Identity) -> bool:
        """Tell whether the provider ended this session, or all of the person, since it let them in."""
        known = self._over.get(identity.session), self._over.get(identity.subject)
        return any(each is not None and each.issued_at >= identity.issued_at for each in known)

    async def sign_out_url(self) -> str:
        """Return where somebody signs out of the provider too; empty where that cannot be said now."""
        with contextlib.suppress(Unavailable):
            return await self.provider.sign_out_url()
        return ""

    async def end(self, logout_token: str) -> None:
        """End what the provider says is over: one session, or all of a person. Raises `NotAuthenticated`."""
        try:
            ended = await self.provider.ended(logout_token)
        except TokenRefused as error:
            raise _refused(str(error)) from error
        now, issuer = self._clock(), self._settings.issuer
        self._over = {key: each for key, each in self._over.items() if now - each.issued_at < KEPT_SECONDS}
        self._over[ended.session or ended.subject] = ended
        async with self._database.write() as connection:
            if ended.session:
                names = await end_provider_session(connection, issuer, ended.session, ended.subject, now)
            else:
                person = await find_by_identity(connection, issuer, ended.subject)
                count = await end_sessions(connection, person.id, now) if person else 0
                names = [person.name] if person and count else []
            for name in names:
                entry = Entry(
                    "system", "session.ended", f"person/{name}", {"by": "provider", "issuer": issuer}
                )
                await append_record(connection, entry, now)


def _refused(why: str) -> NotAuthenticated:
    """Return what people are told of an answer that is no good; the log says why."""
    log.warning("provider_answer_refused", why=why)
    msg = "the sign-in at your organisation did not succeed"
    return NotAuthenticated("provider_answer_refused", msg, "Sign in again, or tell the operator.")
