"""The lines of a text file: compressed or not, and in the encoding that it has.

UTF-8 is read as it is. A byte order mark says UTF-16 or UTF-32, as spreadsheets write them, and so does every other byte
that is 0. A table whose bytes are no UTF-8 was written by an older program: its encoding is found from its bytes
(charset-normalizer), and said. JSON is UTF-8 by its standard, so there what is not is an error.
"""

import bz2
import codecs
import gzip
import io
import lzma
import re
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, cast

from raydoa.errors import UserError
from raydoa.tasks.reading.notes import Notes
from raydoa.tasks.task import COMPRESSIONS

_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_MARK = "\ufeff"
_FEWEST_BYTES = 64
"""From fewer bytes no encoding is guessed."""
_SAMPLE_BYTES = 1 << 16
_AS_LIKELY = 0.05
_SHOWN = 60
_OLD = ["cp1252", "cp1251", "cp1250", "cp1253", "cp932", "gb18030", "euc_kr", "big5"]
"""What spreadsheets write that know no UTF-8, by how many people do: of two that are as likely, the first."""


def opened(path: Path) -> IO[bytes]:
    """The bytes of a file, uncompressed."""
    match path.suffix.lower():
        case ".gz":
            return cast("IO[bytes]", gzip.GzipFile(path))
        case ".bz2":
            return cast("IO[bytes]", bz2.BZ2File(path))
        case ".xz":
            return cast("IO[bytes]", lzma.LZMAFile(path))
    return path.open("rb")


def text_lines(path: Path, notes: Notes, *, guess: bool) -> Iterator[str]:
    """The lines of a text file, each with its end.

    Args:
        path: the file.
        notes: take the encoding, where it is not UTF-8.
        guess: whether bytes that are no UTF-8 may be text in an older encoding.

    Raises:
        UserError: it is in no known encoding, or its compression is damaged.
    """
    try:
        with opened(path) as file:
            head = file.read(4)
        encoding = next((name for mark, name in _MARKS if head.startswith(mark)), _unmarked(head))
        if encoding is not None:
            notes.say(f"{path}: read as {encoding.upper()}, as its first bytes say")
            lines = _decoded(path, encoding)
        else:
            lines = _utf8(path, notes, guess=guess)
        for line in lines:
            plain = "\0" not in line and not line.startswith(_MARK)
            yield line if plain else _without_signs(line, path, notes)
    except (EOFError, OSError, lzma.LZMAError, zlib.error) as error:
        if path.suffix.lower() not in COMPRESSIONS:
            raise
        what = (
            "it was cut off: fetch it again" if isinstance(error, EOFError)
            else "it is damaged, or is not what the ending of its name says"
        )  # fmt: skip
        raise UserError(f"{path}: cannot be uncompressed ({error}); {what}") from None


def _unmarked(head: bytes) -> str | None:
    """UTF-16 that lacks its mark, of a text that begins with two letters of ASCII."""
    forms = {"utf-16-le": rb"[^\0]\0[^\0]\0", "utf-16-be": rb"\0[^\0]\0[^\0]"}
    return next((name for name, form in forms.items() if re.fullmatch(form, head)), None)


def _without_signs(line: str, path: Path, notes: Notes) -> str:
    """Signs that are no text: a file's mark where files were joined, and zeros that programs fill up with."""
    if line.startswith(_MARK):
        notes.count(f"{path}: {{}} lines begin with a byte order mark, as joined files do, which is left out")  # fmt: skip
    if "\0" in line:
        notes.count(f"{path}: {{}} lines have NUL characters, which are left out")
    return line.lstrip(_MARK).replace("\0", "")


def _byte_lines(file: IO[bytes]) -> Iterator[bytes]:
    """Lines, each with its end; a file without a newline may have those of old Macs."""
    first = file.readline()
    if first.endswith(b"\n"):
        yield first
        yield from file
    else:
        yield from first.splitlines(keepends=True)


def _utf8(path: Path, notes: Notes, *, guess: bool) -> Iterator[str]:
    """Lines of UTF-8; from the first line on that is none, if all before were ASCII, in the encoding that is found."""
    ascii_so_far = True
    with opened(path) as file:
        for number, line in enumerate(_byte_lines(file), start=1):
            try:
                text = line.decode("utf-8-sig" if number == 1 else "utf-8")
            except UnicodeDecodeError as error:
                encoding = _guessed(path) if guess and ascii_so_far else None
                read = line.decode(encoding, "replace").strip() if encoding else ""
                if encoding is None:
                    raise UserError(
                        f"{path}:{number}: not UTF-8 ({error.reason}); save it as UTF-8"
                    ) from None
                notes.say(
                    f"{path}: read as {encoding}, which is a guess: line {number} is not UTF-8, and reads {read[:_SHOWN]!r} so; if "
                    "that is wrong, save it as UTF-8"
                )
                yield from _from(path, encoding, number)
                return
            ascii_so_far = ascii_so_far and line.isascii()
            yield text


def _guessed(path: Path) -> str | None:
    """The encoding that the bytes of a file are most likely in; None: nothing is likely."""
    from charset_normalizer import from_bytes

    sample, size = b"", 0
    with opened(path) as file:
        for line in file:
            size += len(line)
            sample += b"" if line.isascii() else line
            if len(sample) > _SAMPLE_BYTES:
                break
    if size < _FEWEST_BYTES:
        return None
    found = from_bytes(sample, cp_isolation=_OLD)
    best = found.best()
    if best is None:
        return None
    as_likely = {
        name for one in found
        if one.chaos <= best.chaos + _AS_LIKELY and one.coherence >= best.coherence - _AS_LIKELY
        for name in one.could_be_from_charset
    }  # fmt: skip
    return next((name for name in _OLD if name in as_likely), None)


def _from(path: Path, encoding: str, first: int) -> Iterator[str]:
    for number, line in enumerate(_decoded(path, encoding), start=1):
        if number >= first:
            yield line


def _decoded(path: Path, encoding: str) -> Iterator[str]:
    number = 0
    with opened(path) as file, io.TextIOWrapper(file, encoding=encoding, newline="") as text:
        try:
            for line in text:
                number += 1
                yield line
        except UnicodeError as error:
            raise UserError(
                f"{path}:{number + 1}: not {encoding.upper()} ({error}); save it as UTF-8"
            ) from None
