"""What can go wrong with an SFTP server, as errors of the gateway."""

import contextlib
from collections.abc import Iterator

import asyncssh

from gateway.errors import Unavailable


@contextlib.contextmanager
def told(host: str) -> Iterator[None]:
    """Turn what the library and the system raise into `Unavailable` with a code of ours: it is tried again."""
    try:
        yield
    except asyncssh.HostKeyNotVerifiable as error:
        msg = f"{host} does not have the host key of the settings: nothing was sent to it"
        remedy = (
            "Ask who runs the server whether its key was changed. If it was, set delivery.sftp.host_keys."
        )
        raise Unavailable("sftp_host_key", msg, remedy) from error
    except asyncssh.PermissionDenied as error:
        msg = f"{host} does not let the user in: {error.reason}"
        raise Unavailable("sftp_refused", msg, "Compare the user and its key with the server's.") from error
    except asyncssh.SFTPConnectionLost as error:
        raise _away(host, error.reason) from error
    except asyncssh.SFTPError as error:
        msg = f"{host} refused a step: {error.reason or type(error).__name__}"
        remedy = "Look at the server: space, rights of the folder. It is tried again."
        raise Unavailable("sftp_failed", msg, remedy) from error
    except TimeoutError as error:
        raise _away(host, "it did not answer in time") from error
    except (asyncssh.Error, OSError) as error:
        raise _away(host, str(error) or type(error).__name__) from error


def _away(host: str, why: str) -> Unavailable:
    msg = f"the SFTP server {host} cannot be reached, or the connection was cut: {why}"
    return Unavailable("sftp_unreachable", msg, "It is tried again, and goes on where it was cut.")
