"""All that knows who comes in, put together: passwords, sessions, access tokens, certificates, a provider."""

from gateway.clock import Clock
from gateway.operations.accounts import Accounts
from gateway.operations.authenticator import Authenticator
from gateway.operations.passwords import Passwords
from gateway.operations.sessions import Sessions
from gateway.operations.single_sign_on import SingleSignOn
from gateway.operations.usage import Usage
from gateway.settings import Settings
from gateway.store.database import Database


class Entrance:
    """Every way in of one daemon; they share the thread for passwords and what is written once a minute."""

    def __init__(self, settings: Settings, database: Database, clock: Clock) -> None:
        self.usage = Usage(database, clock)
        self.passwords = Passwords()
        self.authenticator = Authenticator(database, clock, self.usage)
        self.authenticator.use_certificates(settings.client_certificates)
        oidc = settings.oidc
        self.sessions = Sessions(
            database,
            settings.sessions,
            self.passwords,
            self.usage,
            clock,
            local_accounts=oidc is None or oidc.local_accounts,
            issuer=oidc.issuer if oidc else None,
        )
        self.accounts = Accounts(database, self.passwords, clock)
        self.single_sign_on = SingleSignOn(oidc, database, self.sessions, clock) if oidc else None

    async def close(self) -> None:
        """Give back what was opened."""
        self.passwords.close()
        if self.single_sign_on:
            await self.single_sign_on.provider.close()
