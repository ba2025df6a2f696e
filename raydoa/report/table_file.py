"""The bytes of `cells.csv`, which a checksum beside it holds: a table that was cut, between two rows or in a number, reads as one.

The checksum is a line as `sha256sum` writes it. A table without one (of an earlier raydoa, or written by hand) is taken as it
is if its last row has an end. The trials' `result.json` are the truth, and are read instead of a damaged table.
"""

import hashlib
from pathlib import Path

from raydoa.store.layout import Storage
from raydoa.store.local_storage import LocalStorage
from raydoa.store.storage import OddEntry

CELLS_FILE = "cells.csv"
CHECKSUM_FILE = "cells.csv.sha256"
READ_INSTEAD = "what the trials have is read instead"
"""How a reader goes on from a damaged table."""


def write_table(content: bytes, result_dir: Path) -> Path:
    """Write the table, whole or not at all, and its checksum; return its path."""
    folder = LocalStorage(result_dir)
    folder.remove(CHECKSUM_FILE)  # That of another table: a crash leaves this one without.
    folder.write(CELLS_FILE, content)
    folder.write(CHECKSUM_FILE, f"{hashlib.sha256(content).hexdigest()}  {CELLS_FILE}\n".encode())
    return result_dir / CELLS_FILE


def read_table_file(folder: Storage, where: str) -> tuple[bytes | None, str | None]:
    """The table of a result dir, None if there is none or it is damaged; and what is wrong with it, in a line.

    A symbolic link is damage too, be it the table or its checksum: nothing is read through it.
    """
    try:
        content = read_file(folder, CELLS_FILE)
        if content is None:
            return None, None
        why = _damage(content, read_file(folder, CHECKSUM_FILE))
    except OddEntry as odd:
        return None, str(odd)
    return (content, None) if why is None else (None, f"{where}/{CELLS_FILE}: {why}")


def read_file(folder: Storage, name: str) -> bytes | None:
    """A file of a result dir, None if it is not there.

    Raises:
        OddEntry: it is a folder or a symbolic link, through which nothing is read.
    """
    try:
        return folder.read(name)
    except FileNotFoundError:
        return None


def _damage(content: bytes, checksum: bytes | None) -> str | None:
    if not content.endswith(b"\n"):
        return "its last row is cut off"
    if content.count(b"\n") < 2:
        return "it has no rows"
    if checksum is None:
        return None
    if checksum.split()[:1] == [hashlib.sha256(content).hexdigest().encode()]:
        return None
    return f"it is not what {CHECKSUM_FILE} says was written (remove that file if you changed the table yourself)"
