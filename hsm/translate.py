"""Errors of python-pkcs11, whose texts are empty, in words of ours."""

from typing import Final

import pkcs11
from pkcs11 import exceptions as vendor

from hsm.config import TokenConfig
from hsm.errors import HsmError, token_error

CODES: Final[dict[type[pkcs11.PKCS11Error], str]] = {
    vendor.PinIncorrect: "pin_refused",
    vendor.PinInvalid: "pin_refused",
    vendor.PinLenRange: "pin_refused",
    vendor.PinExpired: "pin_refused",
    vendor.UserPinNotInitialized: "pin_not_set",
    vendor.PinLocked: "pin_locked",
    vendor.NoSuchToken: "token_absent",
    vendor.TokenNotPresent: "token_absent",
    vendor.TokenNotRecognised: "token_absent",
    vendor.DeviceRemoved: "token_absent",
    vendor.SlotIDInvalid: "token_absent",
    vendor.MultipleTokensReturned: "token_ambiguous",
    vendor.NoSuchKey: "key_missing",
    vendor.MultipleObjectsReturned: "key_ambiguous",
}
"""What is not here is `token_failed`."""

SESSION_LOST: Final = (
    vendor.SessionHandleInvalid,
    vendor.SessionClosed,
    vendor.ObjectHandleInvalid,
    vendor.KeyHandleInvalid,
    vendor.UserNotLoggedIn,
    vendor.DeviceRemoved,
    vendor.TokenNotPresent,
    vendor.TokenNotRecognised,
    vendor.SlotIDInvalid,
)
"""The session is gone, as after the token was pulled and plugged in: opening it anew can help."""


def translate(error: pkcs11.PKCS11Error, doing: str, config: TokenConfig) -> HsmError:
    """Say what happened while *doing* (such as `signing`), with the class of the error, module and label."""
    detail = f" ({error})" if str(error) else ""
    message = (
        f"While {doing} with the token {config.token_label!r}, "
        f"the module {config.module} answered {type(error).__name__}{detail}."
    )
    return token_error(CODES.get(type(error), "token_failed"), message)
