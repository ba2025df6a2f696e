"""What result dirs hold beside rows: the look at the data, and where artifacts lie. Older ones hold neither."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace

from raydoa.errors import UserError
from raydoa.experiment.beside_rows import DATA_CHECK_FILE, SWEEP_FILE
from raydoa.report.table_file import read_file
from raydoa.store.layout import Storage, open_storage
from raydoa.store.storage import OddEntry
from raydoa.tasks.look.written import WrittenLook, read_looks


@dataclass(frozen=True)
class Beside:
    """What was found.

    Attributes:
        looks: at the data of tasks, each once.
        stores: URLs, each once.
        gaps: a line for each file that cannot be read.
    """

    looks: tuple[WrittenLook, ...] = ()
    stores: tuple[str, ...] = ()
    gaps: tuple[str, ...] = ()

    def without_texts(self) -> "Beside":
        """The same without what looks quote of rows."""
        return replace(self, looks=tuple(look.without_texts() for look in self.looks))


def read_beside(result_dirs: Sequence[str]) -> Beside:
    """What result dirs, local or URLs, have of it."""
    looks: list[WrittenLook] = []
    stores: list[str] = []
    gaps: list[str] = []
    for where in (str(path).rstrip("/") for path in result_dirs):
        folder = open_storage(where)
        try:
            looks += read_looks(_content(folder, DATA_CHECK_FILE) or b'{"tasks":[]}')
            stores += _store(_content(folder, SWEEP_FILE))
        except (ValueError, UserError) as why:
            gaps.append(f"{where}: the look at the data, or where artifacts lie, cannot be read ({why})")  # fmt: skip
    once = tuple(look for position, look in enumerate(looks) if look not in looks[:position])
    return Beside(once, tuple(dict.fromkeys(stores)), tuple(gaps))


def _content(folder: Storage, name: str) -> bytes | None:
    try:
        return read_file(folder, name)
    except OddEntry as odd:
        raise ValueError(str(odd)) from odd


def _store(content: bytes | None) -> list[str]:
    if content is None:
        return []
    about = json.loads(content)
    store = about.get("store") if isinstance(about, dict) else None
    if not isinstance(store, str):
        raise ValueError(f"{SWEEP_FILE} names no store")
    return [store]
