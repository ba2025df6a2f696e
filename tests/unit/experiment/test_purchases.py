"""Each unit is paid by the first who needs it, in whatever order plans come."""

from hypothesis import given
from hypothesis import strategies as st

from raydoa.costs.plan import Plan
from raydoa.experiment.accounting import Purchases

bought = st.lists(st.tuples(st.integers(0, 30), st.integers(1, 30)), max_size=8)


@given(bought)
def test_a_label_is_paid_once(purchases: list[tuple[int, int]]) -> None:
    """As with a set of labels; those that are owned by one plan may be for sale to another."""
    books, paid = Purchases(), set[int]()
    for owned, labels in purchases:
        plan = Plan("tiny", owned, "s", 0, 0, (), (("labels", labels),))
        rows = set(range(owned, owned + labels))
        assert books.marginal(plan) == books.add(plan) == {"labels": len(rows - paid)}
        paid |= rows


def test_what_lies_between_two_purchases_is_not_bought() -> None:
    books = Purchases()
    plans = [
        Plan("tiny", owned, "s", 0, 0, (), (("labels", labels),))
        for owned, labels in ((500, 100), (100, 100), (100, 200))
    ]
    assert [books.add(plan)["labels"] for plan in plans] == [100, 100, 100]
