"""The `ray start` commands of a launcher file: flags that exist, token mode, the dashboard, the autoscaler."""

import re
import shlex
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import pairwise, takewhile

from raydoa.doctor.cluster_file import LauncherFile
from raydoa.doctor.finding import Finding
from raydoa.errors import did_you_mean

_HEAD, _WORKER = "head_start_ray_commands", "worker_start_ray_commands"
_TOKEN_MODE = re.compile(r"\bRAY_AUTH_MODE=token\b")
_LOOPBACK = ("127.0.0.1", "localhost")
_PUNCTUATION = set(";&|()<>")

Flags = Mapping[str, str | None]


def check_start_commands(file: LauncherFile, known_flags: Collection[str]) -> Iterator[Finding]:
    """Checks of both fields; ``known_flags`` are those of `ray start` in this version of Ray."""
    for field in (_HEAD, _WORKER):
        starts = [
            (command, arguments)
            for command in file.commands(field)
            if (arguments := _start_arguments(command)) is not None
        ]
        if len(starts) != 1:
            yield Finding(
                field,
                f"{len(starts)} commands with `ray start`",
                "give exactly one, with its quotes closed",
            )
            continue
        ((command, arguments),) = starts
        flags = _parse_flags(arguments)
        for flag in flags:
            if flag not in known_flags:
                hint = did_you_mean(flag, sorted(known_flags))
                problem = f"`ray start` has no flag {flag}{hint}"
                yield Finding(field, problem, "see ray start --help")
        if not _TOKEN_MODE.search(command):
            yield Finding(
                field,
                "no RAY_AUTH_MODE=token",
                "put `export RAY_AUTH_MODE=token &&` before `ray start`",
            )
        yield from _head(flags) if field == _HEAD else _worker(flags)


def _head(flags: Flags) -> Iterator[Finding]:
    if "--head" not in flags:
        yield Finding(_HEAD, "no --head", "add it")
    if "--autoscaling-config" not in flags:
        yield Finding(
            _HEAD,
            "no --autoscaling-config: no worker would ever start",
            "add --autoscaling-config=~/ray_bootstrap_config.yaml",
        )
    dashboard_host = flags.get("--dashboard-host", _LOOPBACK[0])
    if dashboard_host not in _LOOPBACK:
        yield Finding(
            _HEAD,
            f"--dashboard-host={dashboard_host}: the dashboard listens on every network",
            "use --dashboard-host=127.0.0.1 and `ray dashboard FILE`, which is a tunnel",
        )


def _worker(flags: Flags) -> Iterator[Finding]:
    if "--head" in flags:
        yield Finding(_WORKER, "--head starts another cluster", "remove it")
    if "$RAY_HEAD_IP" not in (flags.get("--address") or ""):
        yield Finding(
            _WORKER, "--address does not name the head", "use --address=$RAY_HEAD_IP:6379"
        )


def _start_arguments(command: str) -> list[str] | None:
    """What follows `ray start` up to the end of that command; None if it is another command."""
    words = _split(command)
    for index, (program, subcommand) in enumerate(pairwise(words)):
        if program.rsplit("/", 1)[-1] == "ray" and subcommand == "start":
            return list(takewhile(lambda word: not set(word) <= _PUNCTUATION, words[index + 2 :]))
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


def _parse_flags(arguments: Sequence[str]) -> Flags:
    """The flags with their values, given as `--flag=value` or `--flag value`."""
    flags: dict[str, str | None] = {}
    flag = None
    for argument in arguments:
        if argument.startswith("-"):
            flag, equals, value = argument.partition("=")
            flags[flag] = value if equals else None
        elif flag is not None:
            flags[flag] = argument
    return flags
