"""What can go wrong with tokens and signatures, each with a stable code.

HsmError
├── TokenError          the token, its key or its certificate did not do their part
├── SignatureInvalid    the signature was checked and is wrong
└── CannotVerify        the signature could not be checked: nothing is said about it
"""

from typing import Final


class HsmError(Exception):
    """Base: *message* says what happened with what, *remedy* what to do about it."""

    def __init__(self, code: str, message: str, remedy: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.remedy = remedy


class TokenError(HsmError):
    """The token, its key or its certificate did not do their part; `code` is a key of `REMEDIES`."""


class SignatureInvalid(HsmError):
    """The signature was checked and is wrong."""


class CannotVerify(HsmError):
    """The signature could not be checked: nothing is said about it."""


REMEDIES: Final = {
    "token_module": "Check the path of the PKCS#11 module and that its own configuration is readable.",
    "token_absent": "Plug the token in, or correct its label or the list of permitted serial numbers.",
    "token_ambiguous": "Name the serial number of the one token that is meant.",
    "token_died": "Try again, a fresh process is used; if it happens again, look at the vendor's module.",
    "token_timeout": "Try again, a fresh process is used; if it happens again, check the token's connection.",
    "token_busy": "Wait until the requests that are under way have been answered.",
    "token_closed": "Start the daemon again; this token has been shut down.",
    "token_failed": "Look up the named PKCS#11 error in the documentation of the token's vendor.",
    "pin_file": "Put the PIN alone into a file that only its owner can read (mode 0400 or 0600).",
    "pin_not_set": "Set the user PIN with the vendor's tool.",
    "pin_refused": "Put the right PIN into the PIN file; the same PIN is offered again only after the refusal is forgotten.",
    "pin_last_try": "Log in by hand with the vendor's tool and the right PIN, which resets the count.",
    "pin_locked": "Have the security officer unlock the PIN.",
    "refusal_file": "Make the directory of the refusal file writable, so that a refused PIN can be remembered.",
    "key_missing": "Correct the key label, or generate the key pair on the token.",
    "key_ambiguous": "Give each key on the token its own label.",
    "key_exists": "Use the key that is there, or another key label.",
    "key_exportable": "Generate a new key on the token that is sensitive and was never extractable.",
    "key_unsupported": "Use an EC P-256 or an RSA key of 2048 bits or more.",
    "certificate_missing": "Import the certificate that was issued for this key, with its issuing certificates.",
    "certificate_file": "Give one to sixteen certificates in PEM form, of 64 KiB in all at most.",
    "certificate_expired": "Import a renewed certificate for this key.",
    "certificate_not_yet_valid": "Wait until the certificate is valid, and check the clock.",
    "certificate_wrong_key": "Import the certificate that was issued for the request of this key.",
    "certificate_chain": "Check the trust file, and import the issuing certificates together with the certificate.",
    "trust_file": "Name a readable file of PEM certificates that are trusted as roots.",
    "data_too_large": "Sign a smaller file.",
    "name_unusable": "Give a common name of 1 to 64 characters and an EUI-64 of eight octets.",
}
"""What to do about each code of `TokenError`."""


def token_error(code: str, message: str) -> TokenError:
    """Make the `TokenError` of *code*, with its remedy."""
    return TokenError(code, message, REMEDIES[code])
