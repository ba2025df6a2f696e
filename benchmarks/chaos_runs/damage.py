"""Damage to files: a bit, the end, or the whole of one."""

import json
import random
import shutil
from pathlib import Path
from typing import Any

from .sweep import Place


def damage(path: Path, chance: random.Random) -> str:
    """Flip a bit of a file, cut it somewhere, or remove it; returns which."""
    content = bytearray(path.read_bytes())
    how = chance.choice(("flipped", "cut", "removed")) if content else "removed"
    if how == "removed":
        path.unlink()
    elif how == "cut":
        path.write_bytes(content[: chance.randrange(len(content))])
    else:
        content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
        path.write_bytes(content)
    return how


def cut(path: Path, chance: random.Random) -> None:
    """Cut a file within its last half, as a full disk or a lost machine does."""
    content = path.read_bytes()
    path.write_bytes(content[: chance.randrange(len(content) // 2, len(content))])


def records(place: Place) -> dict[Path, dict[str, Any]]:
    """Every record of the store that can be read, by its file."""
    found = {}
    for path in sorted(place.store.glob("records/*/*.json")):
        try:
            found[path] = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue  # It has just been dropped, or it is one that was damaged.
    return found


def damage_artifact(place: Place, kind: str, chance: random.Random) -> tuple[str, str] | None:
    """Damage a file of an artifact of a kind; returns its key and what was done, or None if there is none."""
    of_kind = [record for record in records(place).values() if record.get("kind") == kind]
    if not of_kind:
        return None
    record = chance.choice(of_kind)
    files = [place.store / record["folder"] / name for name in sorted(record["files"])]
    files = [path for path in files if path.exists()]
    if not files:
        return None
    path = chance.choice(files)
    return record["key"], f"{path.name} of a {kind} {damage(path, chance)}"


def damage_record(place: Place, kind: str, chance: random.Random) -> tuple[str, str] | None:
    """The same for the record of one."""
    paths = [path for path, record in records(place).items() if record.get("kind") == kind]
    if not paths:
        return None
    path = chance.choice(paths)
    return path.stem, f"record of a {kind} {damage(path, chance)}"


def remove_store(place: Place) -> list[str]:
    """Remove everything in the store; returns the keys that were there."""
    keys = [path.stem for path in place.store.glob("records/*/*.json")]
    for inside in place.store.iterdir():
        if inside.is_dir():
            shutil.rmtree(inside, ignore_errors=True)  # A writer may be at it.
        else:
            inside.unlink()
    return keys


def cut_in_results(place: Place, pattern: str, chance: random.Random) -> str | None:
    """Cut a file of the result dir whose name fits; returns which, or None if there is none with anything in it."""
    result_dir = place.result_dir
    found = sorted(result_dir.glob(pattern)) if result_dir is not None else []
    found = [path for path in found if path.is_file() and path.stat().st_size > 1]
    if not found:
        return None
    path = chance.choice(found)
    cut(path, chance)
    return f"{path.name} cut"
