"""The kinds of files that are signed, and how audit records name them. One life and one way to the token for all."""

import enum


class FileKind(enum.StrEnum):
    """What a signed file is for."""

    ADT = "adt-file"
    """It sets thresholds."""
    EXIT_QUARANTINE = "exit-quarantine"
    """It tells the DCC to release or delete quarantined requests."""

    def action(self, step: str) -> str:
        """Return how a record names *step* in the life of such a file, such as `adt_file.approved`."""
        return f"{self.value.replace('-', '_')}.{step.replace(' ', '_')}"

    def subject(self, number: int) -> str:
        """Return how a record names the file with this number, such as `adt-file/3`."""
        return f"{self.value}/{number}"

    def called(self, number: int) -> str:
        """Return how people call it."""
        return f"{'ADT file' if self is FileKind.ADT else 'Exit Quarantine file'} {number}"

    def look(self, number: int) -> str:
        """Return what shows it."""
        verb = "files" if self is FileKind.ADT else "quarantine show"
        return f"adt-gateway {verb} {number}"


def actions(step: str) -> frozenset[str]:
    """Return how records name *step*, for files of every kind."""
    return frozenset(kind.action(step) for kind in FileKind)
