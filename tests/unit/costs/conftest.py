import pytest

from raydoa.costs.book_files import open_book
from raydoa.costs.prices import PriceBook
from raydoa.costs.unit_costs import UnitCosts


@pytest.fixture(scope="session")
def book() -> PriceBook:
    return open_book("2026-11-09")


@pytest.fixture(scope="session")
def embedded() -> PriceBook:
    return open_book("embedded")


@pytest.fixture(scope="session")
def unit_costs(book: PriceBook) -> UnitCosts:
    return UnitCosts(book, "a100-40gb")
