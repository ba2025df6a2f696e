"""What things in a store may be called.

Whoever can write a store chooses the names in it, so each name out of a record or a listing is held against these
forms before it becomes a path: no name leads out of the store, or to what belongs to another key.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime

ATTEMPT_TIME = "%Y%m%dT%H%M%SZ"
"""How the name of an attempt's folder begins: when its writer began to publish (UTC)."""

_LONGEST_PART, _LONGEST_NAME = 200, 1000
"""Bytes of a file's name: the cache's names for files on their way are longer, and a file system ends at 255."""

_KEY = re.compile(r"[0-9a-f]{64}")
_BY_KEY = r"([0-9a-f]{2})/(\1[0-9a-f]{62})"
_RECORD = re.compile(rf"records/{_BY_KEY}\.json(?:/.*)?", re.DOTALL)
_ATTEMPT = re.compile(rf"data/{_BY_KEY}/([0-9]{{8}}T[0-9]{{6}}Z)-[0-9a-f]{{12}}(?=/|\Z)")


@dataclass(frozen=True)
class Attempt:
    """The folder that one writer fills with the files of ``key``; ``began`` is in its name."""

    folder: str
    key: str
    began: datetime


def is_key(value: object) -> bool:
    """Whether it is the key of an artifact: 64 hexadecimal digits, lower case."""
    return isinstance(value, str) and _KEY.fullmatch(value) is not None


def record_path(key: str) -> str:
    """Where the record of ``key`` lies in a store."""
    return f"records/{key[:2]}/{key}.json"


def recorded_key(path: str) -> str | None:
    """The key whose record is at ``path``, or, where a folder lies there, above it; None if neither."""
    match = _RECORD.fullmatch(path)
    return match[2] if match else None


def attempt_at(path: str) -> Attempt | None:
    """The attempt whose folder is at ``path`` or above it; None if neither."""
    match = _ATTEMPT.match(path)
    if match is None:
        return None
    try:
        began = datetime.strptime(match[3], ATTEMPT_TIME).replace(tzinfo=UTC)
    except ValueError:  # digits that are no date
        return None
    return Attempt(match[0], match[2], began)


def is_plain_path(path: str) -> bool:
    """Whether ``path`` is relative and goes down only: no part is empty, ``.`` or ``..``."""
    return "\0" not in path and not {"", ".", ".."} & set(path.split("/"))


def is_file_name(name: object) -> bool:
    """Whether ``name`` may name a file in an artifact's folder: a plain path of printable characters, not too long."""
    return (
        isinstance(name, str)
        and name.isprintable()
        and "\\" not in name
        and is_plain_path(name)
        and len(name.encode()) <= _LONGEST_NAME
        and all(len(part.encode()) <= _LONGEST_PART for part in name.split("/"))
    )


def check_name(name: str) -> str:
    """Return ``name``, of a file in an artifact's folder. Raises `ValueError`: it does not stay inside."""
    if not is_file_name(name):
        raise ValueError(f"bad file name {shown(name)}: expected a relative path of plain names")
    return name


def shown(value: object, most: int = 80) -> str:
    """Return what somebody else has written as text for one line: nothing unprintable, ``most`` characters."""
    text = str(value)
    cut = text if len(text) <= most else text[: most - 3] + "..."
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in cut)
