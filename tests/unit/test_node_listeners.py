"""What a port of this machine says to a GET without a token, and which sockets count as open to others."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace
from typing import Any, NamedTuple

import psutil
import pytest

from raydoa.on_ray import node_listeners
from raydoa.on_ray.node_listeners import ask, open_listeners


@contextmanager
def http_server(status: int, kind: str) -> Iterator[int]:
    """The port of a server on 127.0.0.1 that answers each GET like this."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def tcp_server(greeting: bytes) -> Iterator[int]:
    """The port of a server on 127.0.0.1 that sends these bytes to one client, and then says no more."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            connection, _ = listening.accept()
            with connection:
                connection.sendall(greeting)
                while connection.recv(1024):
                    pass

        thread = threading.Thread(target=serve)
        thread.start()
        yield listening.getsockname()[1]
        thread.join()


@pytest.mark.parametrize(
    ("status", "kind", "expected"),
    [
        (200, "text/plain; version=0.0.4; charset=utf-8", "metrics"),
        (200, "application/openmetrics-text; version=1.0.0; charset=utf-8", "metrics"),
        (401, "text/plain; charset=utf-8", "unauthorized"),
        (403, "text/plain; charset=utf-8", "unauthorized"),
        (404, "text/plain; charset=utf-8", "something"),
        (500, "text/plain; version=0.0.4", "something"),
        (200, "application/json", "something"),
        (200, "text/html", "something"),
    ],
)
def test_a_web_server(status: int, kind: str, expected: str) -> None:
    with http_server(status, kind) as port:
        assert [ask("127.0.0.1", port), ask("0.0.0.0", port)] == [expected, expected]


@pytest.mark.parametrize(
    "greeting",
    [b"\x00\x00\x18\x04\x00\x00\x00\x00\x00\x00\x04\x00@\x00\x00", b"HTTP/1.1", b""],
    ids=["gRPC", "half a status", "silence"],
)
def test_another_protocol(greeting: bytes) -> None:
    with tcp_server(greeting) as port:
        assert ask("127.0.0.1", port, timeout=0.2) == "no HTTP"


def test_nobody_is_there_any_more() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    assert ask("127.0.0.1", port) == "no HTTP"


class Address(NamedTuple):
    ip: str
    port: int


def a_socket(address: str, port: int, pid: int | None, status: str = "LISTEN") -> Any:
    """As psutil lists it."""
    return SimpleNamespace(laddr=Address(address, port), status=status, pid=pid)


def test_sockets_of_others_of_loopback_and_of_connections_are_left_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sockets = [
        a_socket("0.0.0.0", 10002, 3),
        a_socket("::", 6380, 1),
        a_socket("10.0.0.1", 6384, 2),
        a_socket("127.0.0.1", 8265, 2),
        a_socket("::1", 8266, 2),
        a_socket("::ffff:127.0.0.1", 8267, 2),
        a_socket("10.0.0.1", 6385, 2, "ESTABLISHED"),
        a_socket("0.0.0.0", 5432, 99),
        # Of root, or of another container: one may be Ray's by its port.
        a_socket("0.0.0.0", 22, None),
        a_socket("0.0.0.0", 44217, None),
    ]
    asked: list[int] = []
    monkeypatch.setattr(psutil, "net_connections", lambda _kind: sockets)
    owners = {1: "raylet", 2: "dashboard agent", 3: "workers"}
    monkeypatch.setattr(node_listeners, "_owners", owners.items)
    monkeypatch.setattr(node_listeners, "ask", lambda _, port: asked.append(port) or "no HTTP")
    assert open_listeners() == [
        ("a process of another user or container", "0.0.0.0", 44217, "no HTTP"),
        ("dashboard agent", "10.0.0.1", 6384, "no HTTP"),
        ("raylet", "::", 6380, "no HTTP"),
        ("workers", "0.0.0.0", 10002, "not asked"),
    ]
    assert sorted(asked) == [6380, 6384, 44217]


@pytest.mark.parametrize("error", [psutil.AccessDenied(), FileNotFoundError("/proc/net/tcp")])
def test_a_machine_that_does_not_show_its_sockets(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_kind: str) -> None:
        raise error

    monkeypatch.setattr(psutil, "net_connections", refuse)
    monkeypatch.setattr(node_listeners, "_owners", dict)
    assert open_listeners() is None
