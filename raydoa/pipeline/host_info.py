"""Where this process runs: written beside what it makes, and part of no identity."""

import platform
import socket

# Reserved for documentation (RFC 5737). Connecting a datagram socket sends nothing: it only asks for a route.
_ELSEWHERE = ("192.0.2.1", 9)


def host_info() -> dict[str, str | None]:
    """The machine's name, and the address that it shows to other machines; None where it has no way to any."""
    return {"host": platform.node(), "address": _address()}


def _address() -> str | None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        try:
            asking.connect(_ELSEWHERE)
        except OSError:
            return None  # A laptop without a network.
        return str(asking.getsockname()[0])
