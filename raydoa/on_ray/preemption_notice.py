"""Has this machine been told that it will be taken away? Asked of its cloud's metadata service.

Amazon announces a spot instance's end two minutes before, Google a spot VM's 30 seconds before. Amazon's "rebalance
recommendation" is not asked for: it says that the risk is higher, often hours ahead and sometimes for nothing, and a
Ray node that is drained cannot be taken into use again.
"""

import json
import os
import time
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from urllib.error import HTTPError
from urllib.request import Request, urlopen

_TIMEOUT_SECONDS = 2.0


@dataclass(frozen=True)
class Notice:
    """The machine ends at ``deadline``, in seconds since 1970; ``reason`` is for people."""

    deadline: float
    reason: str


class Cloud(Protocol):
    """Where notices come from."""

    seconds_between: float
    """How often to ask."""

    def notice(self) -> Notice | None:
        """The notice, if there is one.

        Raises:
            OSError: the metadata service did not answer.
        """
        ...


class Amazon:
    """EC2's instance metadata, version 2: a token by PUT, then `spot/instance-action`, which is 404 until the notice.

    `AWS_EC2_METADATA_SERVICE_ENDPOINT` names another address, as it does for Amazon's own tools.
    """

    seconds_between = 5.0

    def __init__(self) -> None:
        self._at = os.environ.get("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://169.254.169.254")
        self._token: str | None = None

    def notice(self) -> Notice | None:
        """See `Cloud.notice`."""
        known = self._token is not None
        try:
            told = self._ask()
        except HTTPError as error:
            if error.code == 404:
                return None
            if error.code != 401 or not known:
                raise
            self._token = None  # It has run out.
            return self.notice()
        action = json.loads(told)
        deadline = datetime.fromisoformat(action["time"]).timestamp()
        return Notice(
            deadline, f"EC2 will {action['action']} this spot instance at {action['time']}"
        )

    def _ask(self) -> str:
        if self._token is None:
            lifetime = {"X-aws-ec2-metadata-token-ttl-seconds": "21600"}
            self._token = _read(f"{self._at}/latest/api/token", lifetime, "PUT")
        token = {"X-aws-ec2-metadata-token": self._token}
        return _read(f"{self._at}/latest/meta-data/spot/instance-action", token)


class Google:
    """Compute Engine's metadata: `instance/preempted` is FALSE until the notice.

    `GCE_METADATA_HOST` names another host, as it does for Google's own tools.
    """

    seconds_between = 1.0
    _warning_seconds = 30.0

    def __init__(self) -> None:
        host = os.environ.get("GCE_METADATA_HOST", "metadata.google.internal")
        self._url = f"http://{host}/computeMetadata/v1/instance/preempted"

    def notice(self) -> Notice | None:
        """See `Cloud.notice`; it says nothing of a deadline, so that is counted from the asking."""
        if _read(self._url, {"Metadata-Flavor": "Google"}).strip() != "TRUE":
            return None
        return Notice(
            time.time() + self._warning_seconds, "Compute Engine is taking this spot VM back"
        )


CLOUDS: dict[str, type[Amazon] | type[Google]] = {"aws": Amazon, "gcp": Google}


def _read(url: str, headers: dict[str, str], method: str = "GET") -> str:
    with urlopen(Request(url, headers=headers, method=method), timeout=_TIMEOUT_SECONDS) as answer:
        return str(answer.read().decode("utf-8"))
