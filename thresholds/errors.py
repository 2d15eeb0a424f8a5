"""The exceptions of this package: each has a stable code, says what happened and what to do."""


class ThresholdsError(Exception):
    """Root of what this package raises; `code` is stable snake_case, `remedy` says what to do."""

    def __init__(self, code: str, message: str, remedy: str) -> None:
        super().__init__(code, message, remedy)
        self.code = code
        self.message = message
        self.remedy = remedy

    def __str__(self) -> str:
        return self.message


class InvalidValueError(ThresholdsError, ValueError):
    """A text that does not spell the value it should: a User ID, a period, a time or a level."""


class ProfileError(ThresholdsError):
    """A file profile that cannot be used."""


class CatalogueError(ThresholdsError):
    """A service reference catalogue that cannot be read."""
