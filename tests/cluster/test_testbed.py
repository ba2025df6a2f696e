"""The lab itself: hosts that see each other and nothing of one another, opened by a key and cut off in silence."""

import ast
import os
import subprocess

import pytest

from tests.cluster.testbed.host import Host
from tests.cluster.testbed.testbed import PROJECT, Testbed, sweep


@pytest.fixture(scope="module")
def pair(testbed: Testbed) -> tuple[Host, Host]:
    laptop = testbed.add("laptop", "10.203.0.9", serves_ssh=False)
    (laptop.home / "key").touch(mode=0o600)
    (laptop.home / "key").write_bytes(testbed.key.read_bytes())
    return laptop, testbed.add("server", "10.203.0.10")


def _ssh(
    host: Host, *options: str, command: str = "hostname"
) -> "subprocess.CompletedProcess[str]":
    fixed = ["-o", "StrictHostKeyChecking=no", "-o", "BatchMode=yes", "-o", "ConnectTimeout=2"]
    return host.run(["ssh", *fixed, *options, "root@server", command], check=False)


def test_the_key_opens_it_and_nothing_else(pair: tuple[Host, Host]) -> None:
    laptop, _ = pair
    assert _ssh(laptop, "-i", "key").stdout.splitlines()[-1] == "server"
    refused = _ssh(laptop)
    assert refused.returncode == 255 and "Permission denied (publickey)" in refused.stdout


def test_hosts_share_one_folder_and_no_processes(pair: tuple[Host, Host], testbed: Testbed) -> None:
    laptop, server = pair
    _ssh(laptop, "-i", "key", command="touch /run/shared/ours /tmp/mine /dev/shm/mine ~/mine")
    seen = laptop.run(["ls", "/run/shared", "/tmp", "/dev/shm"]).stdout.split()
    assert "ours" in seen and "mine" not in seen
    assert (testbed.shared / "ours").exists() and (server.home / "mine").exists()
    assert not any("sshd" in line for line in laptop.processes().values())


def test_who_has_no_ssh_is_up_when_it_is_there(testbed: Testbed) -> None:
    for number in range(5):
        alone = testbed.add(f"alone-{number}", f"10.203.0.{20 + number}", serves_ssh=False)
        assert alone.run(["pwd"]).stdout == "/run/root\n"


def test_a_cut_cable_and_a_mended_one(pair: tuple[Host, Host], testbed: Testbed) -> None:
    laptop, server = pair
    testbed.cut(server)
    silent = _ssh(laptop, "-i", "key")
    assert silent.returncode == 255 and "timed out" in silent.stdout
    assert any("sshd" in line for line in server.processes().values()), "it runs on"
    testbed.heal(server)
    assert _ssh(laptop, "-i", "key").returncode == 0


def test_provenance_has_the_address_that_others_see(pair: tuple[Host, Host]) -> None:
    asking = "from raydoa.pipeline.host_info import host_info; print(host_info())"
    python = [".raydoa/bin/python", "-c", asking]
    _, server = pair
    said = server.run(python, PYTHONPATH=str(PROJECT)).stdout
    assert ast.literal_eval(said) == {"host": "server", "address": server.address}
    alone = server.run(["unshare", "--net", *python], PYTHONPATH=str(PROJECT)).stdout
    assert ast.literal_eval(alone) == {"host": "server", "address": None}


def test_leftovers_of_the_dead_are_swept_and_of_nobody_else(testbed: Testbed) -> None:
    gone = subprocess.Popen(["true"])
    gone.wait()
    for owner in (gone.pid, os.getpid()):
        subprocess.run(["ip", "netns", "add", f"raydoa-lab-{owner}-left"], check=True)
    left = subprocess.Popen(["ip", "netns", "exec", f"raydoa-lab-{gone.pid}-left", "sleep", "600"])
    try:
        sweep()
        there = subprocess.run(["ip", "netns", "list"], capture_output=True, text=True, check=True)
        assert f"raydoa-lab-{gone.pid}-" not in there.stdout
        assert f"raydoa-lab-{os.getpid()}-left" in there.stdout and testbed.switch in there.stdout
        assert left.wait() == -9
    finally:
        subprocess.run(["ip", "netns", "delete", f"raydoa-lab-{os.getpid()}-left"], check=True)
        left.kill()
