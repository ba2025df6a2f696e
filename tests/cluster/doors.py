"""Every port that a host of a cluster opens to others, who opened it, and what it answers to whom."""

import json
import subprocess
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from tests.cluster.testbed.host import HOME, Host
from tests.cluster.testbed.testbed import PROJECT

WRONG = "0" * 64
_LAST_OF_RAY = 19999
REFUSALS = {"UNAUTHENTICATED", "401", "403"}


@dataclass(frozen=True)
class Door:
    """A port that listens beyond loopback.

    Attributes:
        host: name of the host.
        port: its number.
        owner: name of the process, cut off after 15 letters.
        answers: what it says to one with no token, a wrong one and the right one.
    """

    host: str
    port: int
    owner: str
    answers: Mapping[str, str]


def listening(host: Host) -> dict[int, str]:
    """Ports of a host that others can reach, with the name of the process behind each."""
    found = {}
    for line in host.run(["ss", "--tcp", "--listening", "--numeric", "--processes", "--no-header"]).stdout.splitlines():  # fmt: skip
        address, _, port = line.split()[3].rpartition(":")
        if not address.startswith(("127.", "[::ffff:127.", "[::1]")):
            found[int(port)] = line.partition('(("')[2].partition('"')[0]
    return found


def doors(host: Host, stranger: Host, token: str) -> list[Door]:
    """Knock on every open port of ``host`` from the console of ``stranger``.

    But for SSH's, and those of torch.distributed, on which a fine-tuning waits for its own workers: who knocks there
    may stop it.
    """
    owners = {
        port: owner
        for port, owner in listening(host).items()
        if owner != "sshd" and not of_torch(owner, port)
    }
    tokens = {"none": None, "wrong": WRONG, "right": token}
    answers = knocks(stranger, host.address, owners, tokens)
    return [Door(host.name, port, owner, answers[port]) for port, owner in owners.items()]


def of_torch(owner: str, port: int) -> bool:
    """Whether a worker of Ray Train has opened a port that is none of Ray's: those are all named in the file."""
    return owner == "ray::RayTrainWo" and port > _LAST_OF_RAY


def knocks(
    stranger: Host, address: str, ports: Collection[int], tokens: Mapping[str, str | None]
) -> dict[int, dict[str, str]]:
    """What each port answers; see `knocking`."""
    program = str(PROJECT / "tests/cluster/knocking.py")
    done = subprocess.run(
        stranger.command([f"{HOME}/.raydoa/bin/python", program]),
        input=json.dumps({"address": address, "ports": list(ports), "tokens": tokens}),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return {int(port): answer for port, answer in json.loads(done.stdout).items()}
