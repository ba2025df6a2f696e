"""Files that are not what their names say, as their first bytes tell: pointers, web pages, archives, workbooks."""

import re
from pathlib import Path

from raydoa.errors import UserError
from raydoa.tasks.task import kind_of_file

_HEAD = 512
_POINTER = b"version https://git-lfs.github.com/"
_PAGE = re.compile(rb"\s*(<!doctype html|<html)", re.IGNORECASE)
_ZIP = b"PK\x03\x04"
_OLD_WORKBOOK = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_COMPRESSED = (
    (".gz", re.compile(rb"\x1f\x8b\x08"), "gzip"),
    (".bz2", re.compile(rb"BZh[1-9]1AY&SY"), "bzip2"),
    (".xz", re.compile(rb"\xfd7zXZ\x00"), "xz"),
    (".zst", re.compile(rb"\x28\xb5\x2f\xfd"), "Zstandard, which is not read here: uncompress it"),
)


def refuse_mistaken(path: Path) -> None:
    """Look at the first bytes of a file of rows. Raises `UserError`: it is something else, which is named."""
    with path.open("rb") as file:
        head = file.read(_HEAD)
    if (what := _what_else(path, head)) is not None:
        raise UserError(f"{path}: {what}")


def _what_else(path: Path, head: bytes) -> str | None:
    kind = kind_of_file(str(path))
    if head.startswith(_POINTER):
        return "a pointer of Git LFS, and not the file itself; fetch that with `git lfs pull`"
    if kind != ".txt" and _PAGE.match(head):
        return "a web page, and not the file itself; download that"
    if head.startswith(_OLD_WORKBOOK):
        return "a workbook of old (.xls) by its first bytes; save it as .xlsx, or as CSV"
    if kind != ".xlsx" and head.startswith(_ZIP):
        return "a workbook or a ZIP archive by its first bytes; a workbook's name ends with .xlsx, and an archive is to be unpacked"
    for ending, magic, name in _COMPRESSED:
        if path.suffix.lower() != ending and magic.match(head):
            return f"compressed with {name}" + ("" if ending == ".zst" else f"; its name is to end with {ending}")  # fmt: skip
    return None
