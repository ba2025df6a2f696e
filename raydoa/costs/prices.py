"""What things cost: price books, and the clusters whose hours they price.

A `PriceBook` is data: dollars per label, per GPU-hour and per million tokens of an LLM, and what turns GPU-hours into
kgCO2e, every number with its source and date. A price that is not known is an error, never zero; 0
is a price where it is stated, of GPUs of one's own or of labels that nobody is paid for. Changing a
price makes another book whose id says so, so a row's `prices` column tells its prices apart. A book
with `scaled` prices toy models as if they were large ones, and says so wherever it is shown.
"""

import datetime
import math
from collections.abc import Mapping
from typing import Self, TypeVar

from pydantic import Field, model_validator

from raydoa.errors import UserError, did_you_mean
from raydoa.llm.spec import TokenPrice
from raydoa.settings import Settings

T = TypeVar("T")


class Sourced(Settings):
    """A number that says where it was read, and when: dollars, or kgCO2e, of which there may be none."""

    value: float = Field(ge=0)
    source: str = Field(min_length=1)
    date: datetime.date


class SourcedPositive(Sourced):
    """A number of a machine or a building, such as a GPU's memory; 0 would be a mistake."""

    value: float = Field(gt=0)


class Accelerator(Settings):
    """One kind of GPU as one vendor rents it, in nodes of ``gpus_per_node``."""

    usd_per_gpu_hour: Sourced
    gpus_per_node: int = Field(ge=1)
    memory_gib: SourcedPositive
    peak_bf16_tflops: SourcedPositive
    """Dense (without structured sparsity), in 1e12 operations per second."""
    memory_gb_per_second: SourcedPositive
    rated_watts: SourcedPositive
    training_utilisation: SourcedPositive
    """Share of the peak that training reaches (model FLOPs utilisation, arXiv 2204.02311)."""
    bandwidth_utilisation: SourcedPositive
    """Share of the memory bandwidth that reading the weights at each generated token reaches."""
    seconds_per_layer: SourcedPositive
    """The least time of a layer's forward pass: that of launching its kernels from Python."""

    @model_validator(mode="after")
    def _shares_are_at_most_one(self) -> Self:
        for name in ("training_utilisation", "bandwidth_utilisation"):
            share = getattr(self, name).value
            if share > 1:
                raise ValueError(f"{name} is {share}; it is a share, at most 1")
        return self


class PricedAs(Settings):
    """Which model's unit costs a toy model is priced with, and at which lengths (tokens)."""

    models: dict[str, str]
    source_length: int = Field(ge=1)
    target_length: int = Field(ge=1)


class PriceBook(Settings):
    """Prices and carbon factors, looked up by name."""

    book_id: str = Field(min_length=1)
    scaled: str | None = None
    """What to say beside every price, if the book prices toy models as large ones."""
    labels: dict[str, Sourced] = Field(default_factory=dict)
    """Dollars per label, by task."""
    llms: dict[str, TokenPrice] = Field(default_factory=dict)
    """Dollars per million tokens, by an LLM's name or by what its endpoint calls the model."""
    accelerators: dict[str, Accelerator]
    pue: SourcedPositive
    """Energy of the data centre over energy of its machines."""
    grid: dict[str, Sourced]
    """kgCO2e per kWh, by region."""
    priced_as: PricedAs | None = None

    @model_validator(mode="after")
    def _pue_is_at_least_one(self) -> Self:
        if self.pue.value < 1:
            raise ValueError(f"pue is {self.pue.value}; it is at least 1")
        return self

    def label_usd(self, task: str) -> float:
        """Dollars per label of ``task``; UserError if the book has no price for it."""
        return _known(self.labels, task, f"label price of task {task!r}", self.book_id).value

    def accelerator(self, name: str) -> Accelerator:
        """The accelerator called ``name``; UserError if the book has none."""
        return _known(self.accelerators, name, f"accelerator {name!r}", self.book_id)

    def gpu_hour_usd(self, accelerator: str) -> float:
        """Dollars per GPU-hour."""
        return self.accelerator(accelerator).usd_per_gpu_hour.value

    def kgco2e_per_gpu_hour(self, accelerator: str, region: str) -> float:
        """Emissions of a GPU-hour: rated power x PUE x grid intensity."""
        kilowatts = self.accelerator(accelerator).rated_watts.value / 1000
        intensity = _known(self.grid, region, f"grid intensity of region {region!r}", self.book_id)
        return kilowatts * self.pue.value * intensity.value

    def with_label_price(
        self, task: str, usd: float, source: str, date: datetime.date
    ) -> "PriceBook":
        """This book with another price per label of ``task``; itself if the price is the same."""
        if task in self.labels and self.labels[task].value == usd:
            return self
        price = _sourced(usd, source, date, f"label price of task {task!r}")
        return self._changed(f"label.{task}={price.value:g}", labels={**self.labels, task: price})

    def with_gpu_price(
        self, accelerator: str, usd_per_hour: float, source: str, date: datetime.date
    ) -> "PriceBook":
        """This book with another price per GPU-hour; itself if the price is the same."""
        before = self.accelerator(accelerator)
        if before.usd_per_gpu_hour.value == usd_per_hour:
            return self
        price = _sourced(usd_per_hour, source, date, f"GPU price of accelerator {accelerator!r}")
        after = before.model_copy(update={"usd_per_gpu_hour": price})
        return self._changed(
            f"gpu.{accelerator}={price.value:g}",
            accelerators={**self.accelerators, accelerator: after},
        )

    def with_grid_intensity(
        self, region: str, kgco2e_per_kwh: float, source: str, date: datetime.date
    ) -> "PriceBook":
        """This book with another grid intensity of ``region``; itself if it is the same."""
        if region in self.grid and self.grid[region].value == kgco2e_per_kwh:
            return self
        intensity = _sourced(kgco2e_per_kwh, source, date, f"grid intensity of region {region!r}")
        return self._changed(
            f"grid.{region}={intensity.value:g}", grid={**self.grid, region: intensity}
        )

    def with_llm_price(self, name: str, price: TokenPrice) -> "PriceBook":
        """This book with another price of an LLM's tokens; itself if the price is the same."""
        before = self.llms.get(name)
        if before is not None and before.rates_written == price.rates_written:
            return self
        return self._changed(f"llm.{name}={price.rates_written}", llms={**self.llms, name: price})

    def _changed(self, what: str, **fields: Mapping[str, Settings]) -> "PriceBook":
        return self.model_copy(update={**fields, "book_id": f"{self.book_id}+{what}"})


class Cluster(Settings):
    """GPUs of one kind under one name, for wall-clock time and for what an hour of it costs."""

    name: str = Field(min_length=1)
    accelerator: str
    gpus: int = Field(ge=1)

    def nodes(self, book: PriceBook) -> int:
        """How many whole nodes hold the cluster's GPUs."""
        return math.ceil(self.gpus / book.accelerator(self.accelerator).gpus_per_node)

    def usd_per_hour(self, book: PriceBook) -> float:
        """Dollars per hour of the whole nodes, busy or not."""
        accelerator = book.accelerator(self.accelerator)
        return self.nodes(book) * accelerator.gpus_per_node * accelerator.usd_per_gpu_hour.value

    def wall_clock_seconds(self, gpu_seconds: float) -> float:
        """The least wall-clock time of that much work: every GPU busy from start to end."""
        return gpu_seconds / self.gpus


def _sourced(value: float, source: str, date: datetime.date, what: str) -> Sourced:
    if not (math.isfinite(value) and value >= 0):
        raise UserError(f"{what}: found {value:g}; it must be a number from 0 up")
    return Sourced(value=abs(value), source=source, date=date)  # Of -0 as well.


def _known(entries: Mapping[str, T], name: str, what: str, book_id: str) -> T:
    if name not in entries:
        names = sorted(entries)
        raise UserError(
            f"{what}: not in price book {book_id!r}, which knows {', '.join(names)}"
            f"{did_you_mean(name, names)}; add it with a source and a date"
        )
    return entries[name]
