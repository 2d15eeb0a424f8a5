"""What can go wrong in the gateway, each with a stable code, an HTTP status and an exit code.

GatewayError
├── SettingsError        the settings cannot be used
├── InvalidInput         what was given is not acceptable
│   └── TooLarge         it is over a size limit
├── NotFound             nothing has that number or name
├── NotAuthenticated     nobody known asks
├── NotPermitted         this person may not do that
├── TooMany              somebody asks too often
├── Conflict             it cannot be done in the present state
├── StoreRefused         a rule of the database would have been broken; nothing was done
├── TokenUnavailable     the PKCS#11 token did not do its part
├── AlertRefused         the other side of a channel will never take this alert as it is
│   └── AlertUnreadable  it cannot be read here, and so cannot be sent
└── Unavailable          a part of the gateway is busy or down; nothing was done
"""

import enum
from typing import ClassVar


class ExitCode(enum.IntEnum):
    """What a command ends with."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    INVALID_INPUT = 3
    BREACH_FOUND = 4
    NOT_PERMITTED = 5
    TOKEN_UNAVAILABLE = 6
    SIGNATURE_WRONG = 7
    COULD_NOT_VERIFY = 8


class GatewayError(Exception):
    """Base: *message* says what happened with what, *remedy* what to do about it."""

    status: ClassVar[int] = 500
    exit_code: ClassVar[ExitCode] = ExitCode.FAILED

    def __init__(self, code: str, message: str, remedy: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.remedy = remedy


class SettingsError(GatewayError):
    """The settings cannot be used."""

    exit_code = ExitCode.USAGE


class InvalidInput(GatewayError):
    """What was given is not acceptable."""

    status = 422
    exit_code = ExitCode.INVALID_INPUT


class TooLarge(InvalidInput):
    """It is over a size limit."""

    status = 413


class NotFound(GatewayError):
    """Nothing has that number or name."""

    status = 404


class NotAuthenticated(GatewayError):
    """Nobody known asks."""

    status = 401
    exit_code = ExitCode.NOT_PERMITTED


class NotPermitted(GatewayError):
    """This person may not do that."""

    status = 403
    exit_code = ExitCode.NOT_PERMITTED


class TooMany(GatewayError):
    """Somebody asks too often; nothing was done, and the same may be asked again in *seconds*."""

    status = 429

    def __init__(self, code: str, message: str, remedy: str = "", seconds: float = 1.0) -> None:
        super().__init__(code, message, remedy)
        self.seconds = seconds


class Conflict(GatewayError):
    """It cannot be done in the present state."""

    status = 409


class StoreRefused(GatewayError):
    """A rule of the database would have been broken; nothing was done, and a repeat would not help.

    The gateway writes one transaction at a time and looks before it writes, so nobody else's write explains it:
    it is a fault of the gateway (500), not of what was asked (409).
    """


class TokenUnavailable(GatewayError):
    """The PKCS#11 token did not do its part; what waits for it can be done later."""

    status = 503
    exit_code = ExitCode.TOKEN_UNAVAILABLE


class AlertRefused(GatewayError):
    """The other side of a channel will never take this alert as it is: sending it again helps nobody."""

    status = 502


class AlertUnreadable(AlertRefused):
    """An alert of the outbox cannot be read: nothing of it was sent, and nobody refused it."""

    status = 500


class Unavailable(GatewayError):
    """A part of the gateway is busy or down; nothing was done, and the sender may repeat."""

    status = 503
