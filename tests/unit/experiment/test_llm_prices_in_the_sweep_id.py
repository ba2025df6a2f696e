"""Prices of LLMs that a sweep does not ask leave its id as it was."""

import datetime
from dataclasses import replace

from raydoa.experiment.resolve import resolve
from raydoa.llm.spec import TokenPrice
from tests.unit.world import World


def test_a_price_that_nobody_pays_is_no_other_sweep(world: World) -> None:
    study = resolve(world.sweep(n=(8,)), world.runtime()).study
    book = study.unit_costs.book
    assert book.llms
    price = TokenPrice(
        input_usd=1, output_usd=2, source="a quote", date=datetime.date(2026, 11, 30)
    )
    for other in (book.with_llm_price("theirs", price), book.model_copy(update={"llms": {}})):
        priced = other.model_copy(update={"book_id": book.book_id})
        costs = replace(study.unit_costs, book=priced)
        assert replace(study, unit_costs=costs).sweep_id == study.sweep_id
    dearer = book.with_label_price("wlp", 9, "a quote", price.date)
    costs = replace(study.unit_costs, book=dearer)
    assert replace(study, unit_costs=costs).sweep_id != study.sweep_id
