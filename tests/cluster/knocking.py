"""What a port answers: no test, but a program that a test runs on a host, `python knocking.py`.

It reads ``{"address": ..., "ports": [...], "tokens": {who: token or null}}`` from standard input and writes
``{port: {who: answer}}``. An answer is the name of a gRPC status, an HTTP status, ``silence`` if the port takes the
connection and says nothing that we know, or ``closed``.
"""

import http.client
import json
import socket
import sys
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import grpc

# One harmless question for each of Ray's services. Whether a token is asked for is decided before it is read.
_QUESTIONS = (
    "/ray.rpc.NodeInfoGcsService/GetAllNodeInfo",
    "/ray.rpc.NodeManagerService/GetNodeStats",
    "/ray.rpc.CoreWorkerService/GetCoreWorkerStats",
    "/ray.rpc.ReporterService/ReportOCMetrics",
    "/ray.rpc.ObjectManagerService/Pull",
    "/ray.rpc.RayletDriver/ClusterInfo",
)
_SECONDS = 4


def knock(address: str, port: int, token: str | None) -> str:
    """Ask as one who has ``token``, or none."""
    try:
        socket.create_connection((address, port), timeout=_SECONDS).close()
    except OSError:
        return "closed"
    return _grpc(address, port, token) or _http(address, port, token) or "silence"


def _grpc(address: str, port: int, token: str | None) -> str | None:
    """The status of the first question that is understood; None if this is no gRPC."""
    metadata = [("authorization", f"Bearer {token}")] if token else []
    with grpc.insecure_channel(f"{address}:{port}") as channel:
        for question in _QUESTIONS:
            try:
                channel.unary_unary(question)(b"", metadata=metadata, timeout=_SECONDS)
            except grpc.RpcError as error:
                if error.code() is grpc.StatusCode.UNAVAILABLE:
                    return None
                if error.code() is not grpc.StatusCode.UNIMPLEMENTED:
                    return str(error.code().name)
            else:
                return "OK"
    return "UNIMPLEMENTED"


def _http(address: str, port: int, token: str | None) -> str | None:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    request = urllib.request.Request(f"http://{address}:{port}/api/jobs/", headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=_SECONDS) as reply:
            return str(reply.status)
    except urllib.error.HTTPError as error:
        return str(error.code)
    except (OSError, http.client.HTTPException):  # Not HTTP.
        return None


def main() -> None:
    """Knock everywhere at a time: a port behind a firewall lets one wait."""
    wanted = json.load(sys.stdin)

    def ask(port: int) -> dict[str, str]:
        return {
            who: knock(wanted["address"], port, token) for who, token in wanted["tokens"].items()
        }

    with ThreadPoolExecutor(len(wanted["ports"])) as everywhere:
        answers = dict(zip(wanted["ports"], everywhere.map(ask, wanted["ports"]), strict=True))
    json.dump(answers, sys.stdout)


if __name__ == "__main__":
    main()
