"""A metadata service on this machine that speaks Amazon's and Google's protocols, as far as notices go."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread


@dataclass
class Metadata:
    """What the service knows; tests change it while it runs."""

    port: int = 0
    deadline: datetime | None = None
    token: str = "token-1"
    refuses: bool = False
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


@contextmanager
def serving() -> Iterator[Metadata]:
    """The service, for as long as a test needs it."""
    metadata = Metadata()

    class Handler(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            metadata.asked.append(("PUT", self.path))
            lifetime = self.headers.get("X-aws-ec2-metadata-token-ttl-seconds", "0")
            if self.path != "/latest/api/token" or not 1 <= int(lifetime) <= 21600:
                return self._answer(400, "")
            return self._answer(200, metadata.token)

        def do_GET(self) -> None:
            metadata.asked.append(("GET", self.path))
            if self.path == "/computeMetadata/v1/instance/preempted":
                if self.headers.get("Metadata-Flavor") != "Google":
                    return self._answer(403, "")
                return self._answer(200, "TRUE" if metadata.deadline else "FALSE")
            if metadata.refuses or self.headers.get("X-aws-ec2-metadata-token") != metadata.token:
                return self._answer(401, "")
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

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    metadata.port = server.server_port
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield metadata
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
