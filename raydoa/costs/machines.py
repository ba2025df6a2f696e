"""What a rented machine costs by the hour, and which GPUs it has.

A `MachineBook` is data like a price book: every number has its source and date, and an unknown price is an error.
A machine has either a price of its own or an accelerator of a price book, whose dollars per GPU-hour then apply,
so that a plan and a cluster never disagree. Prices are on demand: an upper bound for a spot machine, whose price
of the moment only its cloud knows.
"""

import datetime
from functools import cache
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from raydoa.costs.book_files import open_book
from raydoa.costs.prices import Sourced
from raydoa.errors import UserError, did_you_mean
from raydoa.settings import Settings, read_yaml

MACHINE_BOOKS = Path(__file__).parent / "machine_books"
NEWEST = "2026-11-22"
_HOURS_PER_MONTH = 730


class Gpus(Settings):
    """The GPUs of one machine."""

    name: str
    count: int = Field(ge=1)
    memory_gib: float = Field(gt=0)
    """Of each GPU."""


class Machine(Settings):
    """One machine type of one cloud."""

    cloud: Literal["aws", "gcp"]
    usd_per_hour: Sourced | None = None
    accelerator: str | None = None
    gpu: Gpus | None = None

    @model_validator(mode="after")
    def _one_price(self) -> Self:
        if (self.usd_per_hour is None) == (self.accelerator is None):
            raise ValueError("give either usd_per_hour or the accelerator of a price book")
        if self.accelerator is not None and self.gpu is None:
            raise ValueError("a machine that is priced by its accelerator has a gpu")
        return self


class MachineBook(Settings):
    """Machines and disks, looked up by name."""

    book_id: str
    priced_by: str
    """The price book that has the accelerators."""
    machines: dict[str, Machine]
    disks: dict[str, Sourced]
    """Dollars per GB and month."""

    @field_validator("book_id", "priced_by", mode="before")
    @classmethod
    def _yaml_reads_a_bare_id_as_a_date(cls, value: object) -> object:
        return value.isoformat() if isinstance(value, datetime.date) else value

    def hourly(self, name: str) -> Sourced:
        """Dollars for an hour of a machine, on demand.

        Raises:
            UserError: the book has no such machine.
        """
        machine = self.machine(name)
        if machine.usd_per_hour is not None:
            return machine.usd_per_hour
        assert machine.accelerator is not None and machine.gpu is not None, f"{name}: no price"
        price = open_book(self.priced_by).accelerator(machine.accelerator).usd_per_gpu_hour
        return price.model_copy(update={"value": price.value * machine.gpu.count})

    def machine(self, name: str) -> Machine:
        """The machine type called ``name``; UserError if there is none."""
        if name not in self.machines:
            names = sorted(self.machines)
            raise UserError(
                f"machine {name!r}: no price in {self.book_id!r}, which has {', '.join(names)}"
                f"{did_you_mean(name, names)}; add it to raydoa/costs/machine_books with a source and a date"
            )
        return self.machines[name]

    def disk_hourly_usd(self, kind: str, gb: float) -> float | None:
        """Dollars for an hour of a disk of ``gb`` gigabytes; None if its price is unknown."""
        if kind not in self.disks:
            return None
        return self.disks[kind].value * gb / _HOURS_PER_MONTH


@cache
def machine_book(name: str = NEWEST) -> MachineBook:
    """The shipped book of that date."""
    return read_yaml(MACHINE_BOOKS / f"{name}.yaml", MachineBook)
