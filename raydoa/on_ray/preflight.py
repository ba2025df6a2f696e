"""What is looked at before Ray starts or is connected to, since Ray would say it late or at length.

A cluster that does not answer (Ray tries for minutes), a temporary folder that is too long for a socket, and the token:
Ray would write it readable for everybody, and whoever has it may run code.
"""

import os
import secrets
import socket
import tempfile
from contextlib import suppress
from pathlib import Path

from raydoa.errors import RunFailed, UserError
from raydoa.on_ray.ray_internals import cluster_address, longest_socket, temp_folder

_CONNECT_SECONDS = 5.0
_MAX_PORT = 65_535
_MAX_SOCKET_BYTES = 107
"""What Linux takes for the path of a Unix socket; macOS takes three bytes less."""

_NOTHING_BEGUN = "nothing has begun, and nothing is lost"
_OTHERWISE = "name a running cluster, or unset RAY_ADDRESS to run on this machine"


def cluster_of_others() -> str | None:
    """What RAY_ADDRESS says; None where it names no cluster, so that one has to be started."""
    named = os.environ.get("RAY_ADDRESS", "")
    return named if named not in ("", "local") else None


def check_address(named: str) -> None:
    """Connect once to the address that RAY_ADDRESS names.

    Raises:
        UserError: it is no address.
        RunFailed: nothing answers there.
    """
    try:
        address = named.partition("://")[2] if "://" in named else cluster_address()
    except ConnectionError:
        found = "Ray does not run on this machine"
        raise RunFailed(f"RAY_ADDRESS={named}: {found}; {_NOTHING_BEGUN}; {_OTHERWISE}") from None
    except ValueError:
        address = None
    host, _, port = (address or "").rpartition(":")
    if not host or not port.isdecimal() or int(port) > _MAX_PORT:
        raise UserError(f"RAY_ADDRESS={named}: expected HOST:PORT or auto; {_OTHERWISE}")
    if (why := why_silent(host, int(port))) is not None:
        found = f"no Ray answers at {address} ({why})"
        raise RunFailed(f"RAY_ADDRESS={named}: {found}; {_NOTHING_BEGUN}; {_OTHERWISE}")


def why_silent(host: str, port: int) -> str | None:
    """Why nothing answers there; None if something does."""
    try:
        with socket.create_connection((host.strip("[]"), port), timeout=_CONNECT_SECONDS):
            return None
    except (OSError, OverflowError) as error:
        return str(getattr(error, "strerror", None) or error)


def check_temp_folder() -> None:
    """Raises `RunFailed`: the folder is too long for the sockets that a local Ray puts into it."""
    folder = temp_folder()
    longest = os.fsencode(longest_socket(folder))
    if (excess := len(longest) - _MAX_SOCKET_BYTES) > 0:
        length = len(os.fsencode(folder))
        raise RunFailed(
            f"{folder}: Ray's temporary folder has {length} bytes, and its sockets leave room for {length - excess}; "
            f"{_NOTHING_BEGUN}; set RAY_TMPDIR to a shorter one"
        )


def token_path() -> Path | None:
    """The file that Ray reads its token from; None if it comes from the environment."""
    if os.environ.get("RAY_AUTH_TOKEN"):
        return None
    configured = os.environ.get("RAY_AUTH_TOKEN_PATH")
    return Path(configured) if configured else Path.home() / ".ray" / "auth_token"


def protect_token() -> None:
    """Let nobody else read the token of a local Ray, which is made here if there is none yet.

    Raises:
        UserError: it cannot be written, or is not where RAY_AUTH_TOKEN_PATH says.
    """
    path = token_path()
    if path is None or os.environ.get("RAY_AUTH_MODE", "token").lower() != "token":
        return
    if not path.exists() and os.environ.get("RAY_AUTH_TOKEN_PATH"):
        raise UserError(f"RAY_AUTH_TOKEN_PATH: {path} does not exist; unset it, or write a token")
    try:
        if not path.exists():
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            _create(path)
        facts = path.stat()
        if facts.st_uid == os.geteuid() and facts.st_mode & 0o077:
            path.chmod(0o600)
    except OSError as error:
        remedy = "let RAY_AUTH_TOKEN_PATH name a file with a token"
        raise UserError(f"{path}: Ray's token cannot be kept there ({error}); {remedy}") from error


def _create(path: Path) -> None:
    """Whole or not at all: another run may begin at the same moment, and reads what it finds."""
    descriptor, beside = tempfile.mkstemp(dir=path.parent)  # 0600 from the first byte.
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(secrets.token_hex(32))
        with suppress(FileExistsError):
            os.link(beside, path)
    finally:
        Path(beside).unlink()
