"""Amazon's API and instance metadata in a lab: moto answers, machines are hosts, and every call is written down.

moto knows what there is; each instance that a call has started is booted as a host at the private address that moto
gave it, opened by the key pair that was asked for, and loses its power when a call ends it. A host finds the metadata
service where Amazon has it, and in it the notice of its end and the keys of its role.
"""

import json
import re
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.server import ThreadingHTTPServer
from io import BytesIO
from threading import Thread, Timer
from typing import Any
from urllib.parse import parse_qsl

from moto.core import DEFAULT_ACCOUNT_ID
from moto.ec2.models import ec2_backends
from moto.moto_api._internal.models import moto_api_backend
from moto.moto_server.werkzeug_app import (
    DomainDispatcherApplication,
    MotoRequestHandler,
    create_backend_app,
)
from moto.s3.models import s3_backends
from werkzeug.serving import make_server

from tests.cluster.testbed.host import Host
from tests.cluster.testbed.testbed import Testbed
from tests.metadata import Metadata, handler

NETWORK = "172.31.0.0/16"
"""Of an account's default VPC, and of the lab that wants its machines."""
_METADATA = "169.254.169.254"
_PORT = 4566
_NOTICE_SECONDS = 120.0
_ROLES = "/latest/meta-data/iam/security-credentials/"
_CHANGES = ("RunInstances", "TerminateInstances", "StopInstances", "StartInstances")


class _QuietRequestHandler(MotoRequestHandler):
    def log(self, *_: object) -> None:
        pass


@dataclass(frozen=True)
class Call:
    """A call of the API.

    Attributes:
        service: in the words of its signature, such as `ec2`.
        action: its name; of services that speak in paths, method and path.
        parameters: as they stand in the call, such as ``MetadataOptions.HttpTokens``.
        key: whose key has signed it.
    """

    service: str
    action: str
    parameters: dict[str, str]
    key: str


class FakeAws:
    """An empty account in one region, as one that has just been opened.

    Args:
        testbed: where its machines are; its network is `NETWORK`.
        region: where they are in Amazon's words.
        prepare: what every machine gets before the call that has started it returns.
    """

    def __init__(self, testbed: Testbed, region: str, prepare: Callable[[Host], None]) -> None:
        moto_api_backend.reset()
        self.calls: list[Call] = []
        self.hosts: dict[str, Host] = {}
        self.metadata: dict[str, Metadata] = {}
        self.endpoint = f"http://{testbed.gateway}:{_PORT}"
        self._testbed, self._prepare = testbed, prepare
        self._reclaims: list[Timer] = []
        self._account = ec2_backends[DEFAULT_ACCOUNT_ID][region]
        self._moto = DomainDispatcherApplication(create_backend_app)
        # A host ends with the thread that has booted it, and a thread of the server ends with its call.
        self._hands = ThreadPoolExecutor(max_workers=1)
        self._door = testbed.listen(testbed.gateway, _PORT)
        api = make_server(
            testbed.gateway, _PORT, self._answer, threaded=True, request_handler=_QuietRequestHandler, fd=self._door.fileno()
        )  # fmt: skip
        service = handler(lambda address: self.metadata.get(address) or Metadata())
        metadata = ThreadingHTTPServer((_METADATA, 80), service, bind_and_activate=False)
        metadata.socket.close()
        metadata.socket = testbed.listen(_METADATA, 80)
        self._servers = (api, metadata)
        for server in self._servers:
            Thread(target=server.serve_forever, daemon=True).start()

    def instances(self, *states: str) -> list[Any]:
        """moto's instances in one of these states, the oldest first; all of them where none is named."""
        found = sorted(self._account.all_instances(), key=lambda instance: instance.launch_time)
        return [one for one in found if not states or one._state.name in states]

    def named(self, action: str) -> list[Call]:
        """The calls of that name, the oldest first."""
        return [call for call in self.calls if call.action == action]

    def objects(self, bucket: str) -> dict[str, bytes]:
        """What is in a bucket."""
        keys = s3_backends[DEFAULT_ACCOUNT_ID]["aws"].buckets[bucket].keys
        return {name: key.value for name, key in keys.items()}

    def interrupt(self, host: Host) -> None:
        """Tell a spot instance that it will be taken away, and do so two minutes later."""
        self.metadata[host.address].interrupt(_NOTICE_SECONDS)
        self._reclaims.append(Timer(_NOTICE_SECONDS, self._reclaim, [host.name]))
        self._reclaims[-1].start()

    def _reclaim(self, name: str) -> None:
        self._account.terminate_instances([name])
        self._hands.submit(self._follow).result()

    def close(self) -> None:
        """Stop answering, and take all power."""
        for reclaim in self._reclaims:
            reclaim.cancel()
        for server in self._servers:
            server.shutdown()
            server.server_close()
        self._door.close()
        self._hands.shutdown()
        moto_api_backend.reset()

    def _answer(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = BytesIO(body)
        call = _call(environ, body)
        self.calls.append(call)
        said = list(self._moto(environ, start))
        if call.action in _CHANGES:
            self._hands.submit(self._follow).result()
        return said

    def _follow(self) -> None:
        """Make the lab what moto says there is."""
        running = {one.id: one for one in self.instances("pending", "running")}
        for name in self.hosts.keys() - running.keys():
            host = self.hosts.pop(name)
            del self.metadata[host.address]
            self._testbed.remove(host)
        for name in running.keys() - self.hosts.keys():
            self.hosts[name] = self._boot(running[name])

    def _boot(self, instance: Any) -> Host:
        given = self._account.iam_instance_profile_associations.get(instance.id)
        pages = _keys(given.iam_instance_profile.roles[0].name) if given else {}
        self.metadata[instance.private_ip] = Metadata(pages=pages)
        key = self._account.key_pairs[instance.key_name].material_public.decode()
        host = self._testbed.add(instance.id, instance.private_ip, key=key)
        self._prepare(host)
        return host


def key_of(role: str) -> str:
    """The access key that machines of that role find in their metadata."""
    return f"ASIA{re.sub('[^A-Z]', '', role.upper()):X<16}"


def _keys(role: str) -> dict[str, str]:
    until = datetime.now(UTC) + timedelta(hours=6)
    keys = {
        "Code": "Success", "Type": "AWS-HMAC", "LastUpdated": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
        "AccessKeyId": key_of(role), "SecretAccessKey": "secret", "Token": "token", "Expiration": f"{until:%Y-%m-%dT%H:%M:%SZ}",
    }  # fmt: skip
    return {_ROLES: role, f"{_ROLES}{role}": json.dumps(keys)}


def _call(environ: dict[str, Any], body: bytes) -> Call:
    signed = re.search(r"Credential=(\w+)/\d+/[\w-]+/([\w-]+)/", environ.get("HTTP_AUTHORIZATION", ""))  # fmt: skip
    key, service = signed.groups() if signed else ("", "")
    form = environ.get("CONTENT_TYPE", "").startswith("application/x-www-form-urlencoded")
    parameters = dict(parse_qsl(body.decode())) if form else {}
    target = environ.get("HTTP_X_AMZ_TARGET", "").rpartition(".")[2]
    said = f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}"
    return Call(service, parameters.pop("Action", target or said), parameters, key)
