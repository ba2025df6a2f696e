"""The `ray start` commands of a launcher file: flags that exist, token mode, the dashboard, the autoscaler."""

import re
import shlex
from collections.abc import Collection, Iterator
from itertools import takewhile

from raydoa.doctor.cluster_file import LauncherFile
from raydoa.doctor.finding import Finding
from raydoa.errors import did_you_mean

_HEAD, _WORKER = "head_start_ray_commands", "worker_start_ray_commands"
_TOKEN_MODE = re.compile(r"\bRAY_AUTH_MODE=token\b")
_PUNCTUATION = set(";&|()<>")


def check_start_commands(file: LauncherFile, flags: Collection[str]) -> Iterator[Finding]:
    """Checks of both fields; ``flags`` are those that `ray start` of this Ray knows."""
    for field in (_HEAD, _WORKER):
        starts = [command for command in file.commands(field) if _words(command) is not None]
        if len(starts) != 1:
            yield Finding(
                field,
                f"{len(starts)} commands with `ray start`",
                "give exactly one, with its quotes closed",
            )
            continue
        (command,) = starts
        given = _given(_words(command) or [])
        yield from _flags(field, given, flags)
        if not _TOKEN_MODE.search(command):
            yield Finding(
                field,
                "no RAY_AUTH_MODE=token",
                "put `export RAY_AUTH_MODE=token &&` before `ray start`",
            )
        yield from _of_head(given) if field == _HEAD else _of_worker(given)


def _of_head(given: dict[str, str | None]) -> Iterator[Finding]:
    if "--head" not in given:
        yield Finding(_HEAD, "no --head", "add it")
    if "--autoscaling-config" not in given:
        yield Finding(
            _HEAD,
            "no --autoscaling-config: no worker would ever start",
            "add --autoscaling-config=~/ray_bootstrap_config.yaml",
        )
    if given.get("--dashboard-host", "127.0.0.1") not in ("127.0.0.1", "localhost"):
        yield Finding(
            _HEAD,
            f"--dashboard-host={given['--dashboard-host']}: the dashboard listens to every network",
            "use --dashboard-host=127.0.0.1 and `ray dashboard FILE`, which is a tunnel",
        )


def _of_worker(given: dict[str, str | None]) -> Iterator[Finding]:
    if "--head" in given:
        yield Finding(_WORKER, "--head starts another cluster", "take it out")
    if "$RAY_HEAD_IP" not in (given.get("--address") or ""):
        yield Finding(
            _WORKER, "--address does not name the head", "use --address=$RAY_HEAD_IP:6379"
        )


def _flags(field: str, given: dict[str, str | None], known: Collection[str]) -> Iterator[Finding]:
    for flag in given:
        if flag not in known:
            near = did_you_mean(flag, sorted(known))
            yield Finding(field, f"`ray start` has no flag {flag}{near}", "see ray start --help")


def _words(command: str) -> list[str] | None:
    """What follows `ray start` up to the end of that command; None if it is another command."""
    words = _split(command)
    for at in range(len(words) - 1):
        if words[at].rsplit("/", 1)[-1] == "ray" and words[at + 1] == "start":
            return list(takewhile(lambda word: not set(word) <= _PUNCTUATION, words[at + 2 :]))
    return None


def _split(command: str) -> list[str]:
    """As the shell does, with `;` and `&&` as words of their own; one word where quotes are open."""
    lexer = shlex.shlex(command, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    lexer.commenters = ""
    try:
        return list(lexer)
    except ValueError:
        return [command]


def _given(words: list[str]) -> dict[str, str | None]:
    """The flags with their values, given as `--flag=value` or `--flag value`."""
    given: dict[str, str | None] = {}
    last = None
    for word in words:
        if word.startswith("-"):
            last, equals, value = word.partition("=")
            given[last] = value if equals else None
        elif last is not None:
            given[last] = word
    return given
