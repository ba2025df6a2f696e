"""Preemption notices: whether this machine's cloud has announced, in its metadata service, that it will take it away.

Amazon announces a spot instance's end two minutes before, Google a spot VM's 30 seconds before. Amazon's "rebalance
recommendation" is not polled: it says that the risk is higher, often hours ahead and sometimes for nothing, and a
drained Ray node cannot be put to use again.
"""

import json
import os
import time
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias
from urllib.error import HTTPError
from urllib.request import Request, urlopen

_TIMEOUT_SECONDS = 2.0


@dataclass(frozen=True)
class PreemptionNotice:
    """The machine ends at ``deadline``, in unix seconds; ``reason`` is for people."""

    deadline: float
    reason: str


class Ec2Metadata:
    """EC2's instance metadata, version 2: a token by PUT, then `spot/instance-action`, which is 404 until the notice.

    `AWS_EC2_METADATA_SERVICE_ENDPOINT` names another address, as it does for Amazon's own tools.
    """

    poll_seconds = 5.0
    """How often to poll."""

    def __init__(self) -> None:
        self._url = os.environ.get("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://169.254.169.254")
        self._token: str | None = None

    def notice(self) -> PreemptionNotice | None:
        """The notice, if there is one. Raises `OSError`: the metadata service did not answer."""
        had_token = self._token is not None
        try:
            action = json.loads(self._instance_action())
        except HTTPError as error:
            if error.code == 404:
                return None
            if error.code != 401 or not had_token:
                raise
            self._token = None  # It has expired.
            return self.notice()
        deadline = datetime.fromisoformat(action["time"]).timestamp()
        reason = f"EC2 will {action['action']} this spot instance at {action['time']}"
        return PreemptionNotice(deadline, reason)

    def _instance_action(self) -> str:
        if self._token is None:
            lifetime = {"X-aws-ec2-metadata-token-ttl-seconds": "21600"}
            self._token = _read(f"{self._url}/latest/api/token", lifetime, "PUT")
        token = {"X-aws-ec2-metadata-token": self._token}
        return _read(f"{self._url}/latest/meta-data/spot/instance-action", token)


class ComputeEngineMetadata:
    """Compute Engine's metadata: `instance/preempted` is FALSE until the notice.

    `GCE_METADATA_HOST` names another host, as it does for Google's own tools.
    """

    poll_seconds = 1.0
    _notice_seconds = 30.0

    def __init__(self) -> None:
        host = os.environ.get("GCE_METADATA_HOST", "metadata.google.internal")
        self._url = f"http://{host}/computeMetadata/v1/instance/preempted"

    def notice(self) -> PreemptionNotice | None:
        """As `Ec2Metadata.notice`; this one names no deadline, so it is counted from the poll that saw it."""
        if _read(self._url, {"Metadata-Flavor": "Google"}).strip() != "TRUE":
            return None
        deadline = time.time() + self._notice_seconds
        return PreemptionNotice(deadline, "Compute Engine is preempting this spot VM")


MetadataService: TypeAlias = Ec2Metadata | ComputeEngineMetadata

METADATA_SERVICES: dict[str, type[MetadataService]] = {
    "aws": Ec2Metadata,
    "gcp": ComputeEngineMetadata,
}


def _read(url: str, headers: dict[str, str], method: str = "GET") -> str:
    request = Request(url, headers=headers, method=method)
    with urlopen(request, timeout=_TIMEOUT_SECONDS) as response:
        return str(response.read().decode("utf-8"))
