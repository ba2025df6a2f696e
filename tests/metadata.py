"""A metadata service that speaks Amazon's and Google's protocols, as far as notices and a machine's keys go."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread


@dataclass
class Metadata:
    """What the service knows of a machine; tests change it while it runs.

    ``pages`` are what else Amazon's tells one who has the token, by their paths.
    """

    port: int = 0
    deadline: datetime | None = None
    token: str = "token-1"
    refuses: bool = False
    pages: dict[str, str] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def interrupt(self, seconds: float = 120.0) -> None:
        """Announce the end."""
        self.deadline = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=seconds)

    def environment(self) -> dict[str, str]:
        """By which clients find it."""
        return {
            "AWS_EC2_METADATA_SERVICE_ENDPOINT": f"http://{self.address}",
            "GCE_METADATA_HOST": self.address,
        }


def handler(known: Callable[[str], Metadata]) -> type[BaseHTTPRequestHandler]:
    """Of a service that knows a machine by the address from which it asks."""

    class Handler(BaseHTTPRequestHandler):
        def _asked(self) -> Metadata:
            metadata = known(self.client_address[0])
            metadata.asked.append((self.command, self.path))
            return metadata

        def do_PUT(self) -> None:
            metadata = self._asked()
            lifetime = self.headers.get("X-aws-ec2-metadata-token-ttl-seconds", "0")
            if self.path != "/latest/api/token" or not 1 <= int(lifetime) <= 21600:
                return self._answer(400, "")
            return self._answer(200, metadata.token)

        def do_GET(self) -> None:
            metadata = self._asked()
            if self.path == "/computeMetadata/v1/instance/preempted":
                if self.headers.get("Metadata-Flavor") != "Google":
                    return self._answer(403, "")
                return self._answer(200, "TRUE" if metadata.deadline else "FALSE")
            if metadata.refuses or self.headers.get("X-aws-ec2-metadata-token") != metadata.token:
                return self._answer(401, "")
            if self.path in metadata.pages:
                return self._answer(200, metadata.pages[self.path])
            if self.path != "/latest/meta-data/spot/instance-action" or metadata.deadline is None:
                return self._answer(404, "")
            at = metadata.deadline.strftime("%Y-%m-%dT%H:%M:%SZ")
            return self._answer(200, json.dumps({"action": "terminate", "time": at}))

        def _answer(self, code: int, text: str) -> None:
            self.send_response(code)
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_: object) -> None:
            pass

    return Handler


@contextmanager
def serving() -> Iterator[Metadata]:
    """The service on this machine, for as long as a test needs it."""
    metadata = Metadata()
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler(lambda _: metadata))
    metadata.port = server.server_port
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield metadata
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
