"""What `ray up` would find out too late, or never, whichever provider: the checks that need no schema."""

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from raydoa.doctor.cluster_file import LauncherFile, NodeType
from raydoa.doctor.finding import Finding, leaves

_PLACEHOLDER = re.compile(r"<[A-Z][A-Z_]*>")
_OPEN = ("0.0.0.0/0", "::/0")
_TOKEN_FILE = "~/.ray/auth_token"
_SETUP = {
    "aws": "clusters/aws_setup.py fills it",
    "gcp": "clusters/gcp_setup.sh fills it",
    "local": "put your own value there",
    "kuberay": "put your own value there",
}
_SECRET_KEYS = re.compile(
    r"(aws_)?(secret_access_key|session_token)|password|(auth_)?token|api_key|credentials"
)
_SECRET_VALUE = re.compile(
    r"\bAKIA[0-9A-Z]{16}\b|-----BEGIN [A-Z ]*PRIVATE KEY-----|\bRAY_AUTH_TOKEN=\S+"
)


def check_launcher_file(file: LauncherFile, here: Path) -> Iterator[Finding]:
    """Every check of this room; ``here`` is the folder in which `ray up` will run."""
    yield from check_values(file.config, str(file.provider["type"]))
    yield from _access(file)
    yield from _token_file(file)
    yield from _file_mounts(file, here)
    yield from _ray_s_own_setup(file)
    for node_type in file.node_types():
        yield from _counts(node_type, file.config.get("max_workers"))


def check_values(config: Any, kind: str) -> Iterator[Finding]:
    """Placeholders that are left, networks that are open, secrets: anywhere in a file of that ``kind``."""
    left: dict[str, list[str]] = {}
    for place, value in leaves(config):
        text = str(value)
        for placeholder in _PLACEHOLDER.findall(text):
            left.setdefault(placeholder, []).append(place)
        if any(network in text for network in _OPEN):
            yield Finding(
                place,
                f"{text!r} is open to the world",
                "name the addresses that may come in, such as 203.0.113.7/32",
            )
        if _SECRET_VALUE.search(text) or _SECRET_KEYS.fullmatch(place.rsplit(".", 1)[-1]):
            yield Finding(
                place,
                "a secret in the file",
                "take it out: roles, key files and the mounted token file serve",
            )
    for placeholder, places in left.items():
        more = f", and in {len(places) - 1} other places" if len(places) > 1 else ""
        yield Finding(places[0], f"the placeholder {placeholder} is left{more}", _SETUP[kind])


def _access(file: LauncherFile) -> Iterator[Finding]:
    auth = file.config.get("auth")
    if not isinstance(auth, Mapping) or not auth.get("ssh_user"):
        yield Finding(
            "auth.ssh_user", "missing", "name the user that SSH logs in as, such as ubuntu"
        )
        return
    key = auth.get("ssh_private_key")
    if key is None:
        if file.provider["type"] == "local":
            yield Finding(
                "auth.ssh_private_key", "missing", "name the key file that opens these hosts"
            )
        return
    path = Path(str(key)).expanduser()
    if not path.is_file():
        yield Finding(
            "auth.ssh_private_key", f"{key}: no such file", "make it (ssh-keygen) or name another"
        )
    elif path.stat().st_mode & 0o077:
        yield Finding("auth.ssh_private_key", f"{key}: others may read it", f"chmod 600 {key}")


def _token_file(file: LauncherFile) -> Iterator[Finding]:
    mounts = file.config.get("file_mounts")
    mounts = mounts if isinstance(mounts, Mapping) else {}
    if _TOKEN_FILE not in mounts:
        yield Finding(
            "file_mounts",
            f"nothing brings {_TOKEN_FILE} to the nodes",
            f"add `{_TOKEN_FILE}: {_TOKEN_FILE}` (ray get-auth-token --generate makes the file)",
        )
        return
    if not any(_closes_token(command) for command in file.commands("setup_commands")):
        yield Finding(
            "setup_commands",
            "the token file stays readable for others",
            f"add `chmod 600 {_TOKEN_FILE}`",
        )
    source = Path(str(mounts[_TOKEN_FILE])).expanduser()
    if source.is_file() and source.stat().st_mode & 0o077:
        yield Finding(
            f"file_mounts.{_TOKEN_FILE}", f"{source}: others may read it", f"chmod 600 {source}"
        )


def _closes_token(command: str) -> bool:
    return "chmod" in command and "600" in command and "auth_token" in command


def _file_mounts(file: LauncherFile, here: Path) -> Iterator[Finding]:
    mounts = file.config.get("file_mounts")
    for target, source in (mounts if isinstance(mounts, Mapping) else {}).items():
        path = here / Path(os.path.expandvars(str(source))).expanduser()
        if not path.exists():
            remedy = "make it, or take the line out; a relative path starts where `ray up` runs"
            if target == _TOKEN_FILE:
                remedy = "make it: ray get-auth-token --generate && chmod 600 ~/.ray/auth_token"
            yield Finding(f"file_mounts.{target}", f"{source}: no such file", remedy)


def _ray_s_own_setup(file: LauncherFile) -> Iterator[Finding]:
    """Where a cloud's file is silent, Ray puts a command of its own."""
    if file.provider["type"] != "local" and "head_setup_commands" not in file.config:
        yield Finding(
            "head_setup_commands",
            "missing: Ray's own run pip in the system's Python, which Debian and Ubuntu refuse",
            "add `head_setup_commands: []`; the environment of setup_commands has what Ray needs",
        )


def _counts(node_type: NodeType, of_all: Any) -> Iterator[Finding]:
    least = node_type.settings.get("min_workers", 0)
    most = node_type.settings.get("max_workers", 0 if node_type.is_head else of_all)
    if isinstance(least, int) and isinstance(most, int) and least > most:
        yield Finding(
            f"{node_type.place}.min_workers",
            f"{least}, more than max_workers, {most}",
            "lower the one or raise the other",
        )
    if isinstance(least, int) and least > 0 and not node_type.is_head:
        yield Finding(
            f"{node_type.place}.min_workers",
            f"{least} nodes run, and are billed, while nothing runs on them",
            "set 0: the autoscaler starts them",
        )
