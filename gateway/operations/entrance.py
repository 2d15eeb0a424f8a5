"""All that knows who comes in, put together: passwords, sessions, access tokens, certificates."""

from gateway.clock import Clock
from gateway.operations.accounts import Accounts
from gateway.operations.authenticator import Authenticator
from gateway.operations.passwords import Passwords
from gateway.operations.sessions import Sessions
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
        self.sessions = Sessions(database, settings.sessions, self.passwords, self.usage, clock)
        self.accounts = Accounts(database, self.passwords, clock)
