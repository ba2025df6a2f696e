"""Whether the fields of a record hold what they may.

A digest tells that nothing has changed since a record was written, not who wrote it: anybody who can write the store
can compute one. So each field's type is checked before any of it is believed.
"""

import math
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import PurePosixPath
from typing import TypeGuard

from raydoa.store.names import attempt_at, is_file_name, is_key, shown

_MOST = 2**63


def field_problem(body: Mapping[str, object]) -> str | None:
    """Say which field of a record, as parsed from its JSON, holds what it may not; None if none does.

    ``body`` has all the fields of a `Record` but the digest.
    """
    for name, (fits, expected) in _FIELDS.items():
        if not fits(body[name]):
            return f"its {name} is {shown(repr(body[name]))}, where {expected} belongs"
    attempt = attempt_at(str(body["folder"]))
    if attempt is None or (attempt.folder, attempt.key) != (body["folder"], body["key"]):
        return f"its folder is {shown(repr(body['folder']), 200)}, where an attempt at its own key belongs"
    return _files_problem(body["files"])


def _files_problem(files: object) -> str | None:
    assert isinstance(files, dict)  # _FIELDS has seen to it
    for name, facts in files.items():
        if not is_file_name(name):
            return f"it names a file {shown(repr(name))}, which is no plain name inside its folder"
        if any(str(folder) in files for folder in PurePosixPath(name).parents):
            return f"it names a file {shown(repr(name))}, which lies in another file"
        if not is_facts(facts):
            return f"its file {name} has {shown(facts)}, where a sha256 and a size belong"
    return None


def is_facts(facts: object) -> bool:
    """Whether it is what a JSON file has of a `FileFacts`."""
    return (
        isinstance(facts, dict)
        and facts.keys() == {"sha256", "bytes"}
        and is_key(facts["sha256"])
        and is_count(facts["bytes"])
    )


def is_count(value: object) -> bool:
    """Whether it is a whole number from 0 on, of 63 bits at most."""
    return type(value) is int and 0 <= value < _MOST


def is_duration(value: object) -> TypeGuard[float]:
    """Whether it is a number of seconds from 0 on, and finite."""
    return type(value) is float and 0 <= value < math.inf


def _is_object(value: object) -> bool:
    return isinstance(value, dict)


def _is_inputs(value: object) -> bool:
    return isinstance(value, dict) and all(
        all(map(is_key, keys)) if isinstance(keys, list) else is_key(keys)
        for keys in value.values()
    )


def _is_time(value: object) -> bool:
    try:
        return isinstance(value, str) and datetime.fromisoformat(value).tzinfo is not None
    except ValueError:
        return False


def _is_text(value: object) -> bool:
    return isinstance(value, str) and value != "" and value.isprintable()


_FIELDS: dict[str, tuple[Callable[[object], bool], str]] = {
    "key": (is_key, "a key"),
    "kind": (_is_text, "the name of a kind"),
    "version": (is_count, "a whole number"),
    "config": (_is_object, "an object"),
    "inputs": (_is_inputs, "an object of keys"),
    "files": (_is_object, "an object"),
    "facts": (_is_object, "an object"),
    "provenance": (_is_object, "an object"),
    "created_at": (_is_time, "a time with its zone"),
    "folder": (_is_text, "the path of a folder"),
}
