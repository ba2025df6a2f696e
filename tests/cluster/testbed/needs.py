"""What the lab needs of the machine: root, namespaces, and two or three Debian packages, which it installs."""

import os
import shutil
import subprocess

import pytest

_PACKAGES = {
    "ip": "iproute2",
    "ss": "iproute2",
    "sshd": "openssh-server",
    "ssh": "openssh-client",
    "rsync": "rsync",
    "nft": "nftables",
    "curl": "curl",
}
_NAMESPACES = ["unshare", "--net", "--pid", "--mount", "--uts", "--ipc", "--fork", "mount", "--make-rprivate", "/"]  # fmt: skip


def require_lab() -> None:
    """Make the machine ready for a lab, or skip the test that wants one and say why.

    Where there are root and namespaces, packages that cannot be installed are an error and no reason to skip.
    """
    if os.geteuid() != 0:
        pytest.skip("hosts are made of namespaces, which takes root")
    if shutil.which("unshare") is None or shutil.which("apt-get") is None:
        pytest.skip("hosts are made with unshare and Debian packages, which this machine has not")
    allowed = subprocess.run(_NAMESPACES, capture_output=True, text=True, check=False)
    if allowed.returncode:
        pytest.skip(f"namespaces cannot be made here: {allowed.stderr.strip()}")
    missing = sorted({package for tool, package in _PACKAGES.items() if shutil.which(tool) is None})
    if missing:
        quiet = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
        for command in (
            ["update", "-qq"],
            ["install", "-qq", "-y", "--no-install-recommends", *missing],
        ):
            subprocess.run(["apt-get", *command], env=quiet, check=True, capture_output=True)
