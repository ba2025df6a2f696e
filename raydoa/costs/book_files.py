"""Price books as files: YAML, whole, or what differs from one that is shipped in `books/`.

A user's own may extend one of those (`extends: 2026-11-09`) and give only what differs, down to one number of an
accelerator.
"""

import datetime
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import Field, field_validator

from raydoa.costs.prices import Accelerator, PriceBook, Sourced, SourcedPositive
from raydoa.errors import UserError, did_you_mean
from raydoa.llm.spec import TokenPrice
from raydoa.settings import Settings, parse, read_yaml

BOOKS = Path(__file__).parent / "books"


class _BookFile(Settings):
    """A book as written: whole, or what it replaces and adds in the book that it extends.

    What may be there in part is checked once it is merged.
    """

    book_id: str = Field(min_length=1)
    extends: str | None = None
    scaled: str | None = None
    labels: dict[str, Sourced] = Field(default_factory=dict)
    llms: dict[str, TokenPrice] = Field(default_factory=dict)
    accelerators: dict[str, dict[str, Any]] = Field(default_factory=dict)
    pue: SourcedPositive | None = None
    grid: dict[str, Sourced] = Field(default_factory=dict)
    priced_as: dict[str, Any] | None = None

    @field_validator("book_id", "extends", mode="before")
    @classmethod
    def _yaml_reads_a_bare_id_as_a_date(cls, value: object) -> object:
        return value.isoformat() if isinstance(value, datetime.date) else value

    def over(self, base: PriceBook | None, where: str) -> PriceBook:
        """The whole book, field by field; ``base`` is what it extends, ``where`` its own file."""
        known = list(base.accelerators) if base is not None else []
        for name, fields in self.accelerators.items():
            if name not in known:
                _check_whole(name, fields, known, where)
        given = {name: getattr(self, name) for name in self.model_fields_set - {"extends"}}
        return parse(_merged(given, base), PriceBook, where=where)


def shipped_books() -> tuple[str, ...]:
    """Names of the books inside the package."""
    return tuple(sorted(path.stem for path in BOOKS.glob("*.yaml")))


def open_book(name: str | Path) -> PriceBook:
    """The shipped book called ``name``, or the book in the YAML file at that path.

    Raises:
        UserError: no such book, or the file has a mistake.
    """
    path = BOOKS / f"{name}.yaml" if str(name) in shipped_books() else Path(name)
    if not path.is_file():
        shipped = list(shipped_books())
        raise UserError(
            f"price book: found {str(name)!r}, which is neither a file nor a shipped book; "
            f"shipped are {', '.join(shipped)}{did_you_mean(str(name), shipped)}"
        )
    file = read_yaml(path, _BookFile)
    if file.extends is None:
        return file.over(None, str(path))
    if file.extends not in shipped_books() or file.extends == path.stem:
        raise UserError(
            f"{path}: extends: found {file.extends!r}; a book can extend another that is shipped: "
            f"{', '.join(shipped_books())}"
        )
    return file.over(open_book(file.extends), str(path))


def _merged(given: Any, base: Any) -> Any:
    """Mappings by their names over those of the base; a number comes with its own source, so never in part."""
    if not isinstance(given, dict) or isinstance(base, Sourced):
        return given
    before = dict(base) if isinstance(base, dict | Settings) else {}
    return before | {name: _merged(value, before.get(name)) for name, value in given.items()}


def _check_whole(accelerator: str, fields: Mapping[str, Any], known: list[str], where: str) -> None:
    """Say in one line all that a new accelerator lacks, and which of the known ones may be meant."""
    missing = [name for name in Accelerator.model_fields if name not in fields]
    # With a misspelt field that one is told instead: it is what is missing.
    if missing and fields.keys() <= Accelerator.model_fields.keys():
        raise UserError(
            f"{where}: accelerators.{accelerator}: missing {', '.join(missing)}; a new accelerator is given whole"
            f"{did_you_mean(accelerator, known)}"
        )
