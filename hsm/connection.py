"""The module, the token and the login. Runs in the token's process, in its one thread."""

import pkcs11
from pkcs11 import TokenFlag
from pkcs11._pkcs11 import lib

from hsm.config import TokenConfig
from hsm.errors import token_error
from hsm.pin import Pin, Refusals, read_pin
from hsm.translate import CODES, translate


def load_module(config: TokenConfig) -> lib:
    """Load and initialise the PKCS#11 module; `token_module` if that fails."""
    try:
        return pkcs11.lib(config.module)
    except pkcs11.PKCS11Error as error:
        why = str(error) or type(error).__name__
        message = f"The PKCS#11 module {config.module} cannot be used: {why}."
        raise token_error("token_module", message) from error


def unload_module(library: lib) -> None:
    """Finalise the module, which closes every session and logs out; the next `load_module` starts anew."""
    try:
        library.finalize()
    except pkcs11.PKCS11Error:
        return  # a token that was pulled out cannot say goodbye


def serial_of(token: pkcs11.Token) -> str:
    """Return the serial number of *token* as text."""
    return token.serial.rstrip(b"\0 ").decode("ascii", "backslashreplace")


def present_tokens(library: lib, config: TokenConfig) -> list[pkcs11.Token]:
    """Return the tokens with the configured label and a permitted serial number."""
    tokens = [token for token in library.get_tokens() if token.label == config.token_label]
    return [token for token in tokens if not config.token_serials or serial_of(token) in config.token_serials]


def find_token(library: lib, config: TokenConfig) -> pkcs11.Token:
    """Return the one token that is meant; `token_absent` or `token_ambiguous` otherwise."""
    tokens = present_tokens(library, config)
    wanted = f"the label {config.token_label!r}"
    if config.token_serials:
        wanted += f" and a serial number of {', '.join(config.token_serials)}"
    if not tokens:
        raise token_error("token_absent", f"The module {config.module} sees no token with {wanted}.")
    if len(tokens) > 1:
        serials = ", ".join(map(serial_of, tokens))
        raise token_error("token_ambiguous", f"Several tokens have {wanted}: serial numbers {serials}.")
    return tokens[0]


def log_in(token: pkcs11.Token, config: TokenConfig) -> pkcs11.Session:
    """Log the user in, with one try at most; a refused PIN is remembered and never offered again."""
    _check_tries(token)
    refusals = Refusals(config.refusal_file)
    refusals.check_writable()
    pin = read_pin(config.pin_file)
    name = f"{token.label} {serial_of(token)}"
    if refusals.holds(name, pin):
        message = f"The token {config.token_label!r} refused this PIN before; it was not offered again."
        raise token_error("pin_refused", message)
    return _offer(token, pin, refusals, config)


def _offer(token: pkcs11.Token, pin: Pin, refusals: Refusals, config: TokenConfig) -> pkcs11.Session:
    try:
        return token.open(user_pin=pin.reveal())
    except pkcs11.PKCS11Error as error:
        if CODES.get(type(error)) == "pin_refused":
            refusals.add(f"{token.label} {serial_of(token)}", pin)
        raise translate(error, "logging in", config) from error


def _check_tries(token: pkcs11.Token) -> None:
    if token.flags & TokenFlag.USER_PIN_LOCKED:
        raise token_error("pin_locked", f"The PIN of the token {token.label!r} is locked.")
    if token.flags & TokenFlag.USER_PIN_FINAL_TRY:
        message = f"The token {token.label!r} has one try of its PIN left; no PIN was offered."
        raise token_error("pin_last_try", message)
