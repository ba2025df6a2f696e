"""Nested, disjoint, seeded: properties of the one order of rows."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from raydoa.costs.question import Supply
from raydoa.errors import UserError
from raydoa.tasks.data import Row, TaskRows
from raydoa.tasks.split import check_sizes, in_order, labelled, most_labels, paid_pool, pool

SEEDS = st.integers(0, 2**32)
COUNTS = st.integers(0, 60)


def task(train: int, of_pool: int = 0) -> TaskRows:
    def rows(part: str, count: int) -> tuple[Row, ...]:
        return tuple(Row(f"{part}-{index}", f"source {index}", "gold") for index in range(count))

    return TaskRows(rows("train", train), rows("test", 1), rows("pool", of_pool))


def ids(rows: list[Row]) -> list[str]:
    return [row.id for row in rows]


@given(SEEDS, COUNTS, COUNTS)
def test_labels_are_nested(seed, one, other):
    rows = task(60)
    few, many = sorted((one, other))
    assert labelled(rows, seed, few) == labelled(rows, seed, many)[:few]


@given(SEEDS, COUNTS, COUNTS, st.sampled_from([0, 70]))
def test_pools_are_nested_and_made_of_shards(seed, one, other, of_pool):
    rows = task(60, of_pool)
    few, many = sorted((one, other))
    whole = pool(rows, seed, 0, many)
    assert pool(rows, seed, 0, few) == whole[:few]
    assert pool(rows, seed, few, many) == whole[few:]


@given(SEEDS, COUNTS, COUNTS, COUNTS, st.sampled_from([0, 40]))
def test_no_row_is_both_label_and_pool_where_the_sizes_fit(seed, n, bought, u, of_pool):
    rows = task(60, of_pool)
    try:
        check_sizes(60, of_pool, n=n, bought=bought, u=u)
    except UserError:
        assert n + bought > most_labels(60, of_pool, u=u) or u > (of_pool or 60)
        return
    labels, unlabelled = labelled(rows, seed, n + bought), pool(rows, seed, 0, u)
    assert len({*ids(labels), *ids(unlabelled)}) == n + bought + u


@given(SEEDS)
def test_the_pool_hides_targets_and_labels_show_them(seed):
    rows = task(20)
    assert {row.target for row in labelled(rows, seed, 20)} == {"gold"}
    assert {row.target for row in pool(rows, seed, 0, 20)} == {None}


@given(SEEDS, st.randoms())
def test_the_order_depends_on_seed_and_ids_only(seed, chance):
    rows = list(task(30).train)
    expected = in_order(rows, seed)
    chance.shuffle(rows)
    assert in_order(rows, seed) == expected


def test_seeds_differ_and_an_order_is_the_same_tomorrow():
    rows = task(1000)
    first, second = ids(labelled(rows, 0, 100)), ids(labelled(rows, 1, 100))
    assert len(set(first) & set(second)) < 30
    assert first[:4] == ["train-836", "train-857", "train-529", "train-312"]


def test_a_random_part_is_a_fair_sample():
    rows = task(2000)
    places = [int(row.id.removeprefix("train-")) for row in labelled(rows, 3, 500)]
    assert abs(sum(places) / 500 - 1000) < 100


@pytest.mark.parametrize(
    ("train", "of_pool", "sizes", "told"),
    [
        (100, 0, {"n": 101, "bought": 0, "u": 0}, "N = 101 is above the 100 labelled rows"),
        (100, 0, {"n": 50, "bought": 0, "u": 60}, "more than the 40 of 100 .* beside U = 60"),
        (100, 0, {"n": 50, "bought": 30, "u": 30}, "50 and 30 bought labels are more than the 70"),
        (100, 0, {"n": 0, "bought": 0, "u": 101}, "U = 101 is above the 100 rows of the pool"),
        (100, 50, {"n": 0, "bought": 0, "u": 51}, "U = 51 is above the 50 rows of the pool"),
        (100, 50, {"n": 60, "bought": 41, "u": 50}, "more than the 100 of 100"),
        (100, 0, {"n": -1, "bought": 0, "u": 0}, "counts cannot be negative"),
    ],
)
def test_sizes_that_do_not_fit(train, of_pool, sizes, told):
    with pytest.raises(UserError, match=told):
        check_sizes(train, of_pool, **sizes)


@given(
    st.integers(0, 30),
    st.integers(0, 20),
    st.integers(1, 30),
    st.integers(0, 60),
    st.integers(0, 3),
)
def test_rows_that_nobody_labelled_are_the_first_of_the_pool(
    labels: int, none: int, n: int, u: int, seed: int
) -> None:
    """No row is both, what plans reckon with is there, and labels in hand are spared."""
    train = [
        Row(f"train-{i}", f"text {i}", "a" if i < labels else None) for i in range(labels + none)
    ]
    rows, supply = TaskRows(tuple(train), ()), Supply(labels, unlabelled=none)
    if n > supply.labels(u) or u > supply.pool(n):
        with pytest.raises(UserError):
            check_sizes(labels, 0, n=n, bought=0, u=u, unlabelled=none)
        return
    check_sizes(labels, 0, n=n, bought=0, u=u, unlabelled=none)
    owned = {row.id for row in labelled(rows, seed, n)}
    for taken in (pool(rows, seed, 0, u), paid_pool(rows, seed, n, 0, u)):
        ids = [row.id for row in taken]
        assert len(set(ids)) == u and not owned.intersection(ids)
        unlabelled = {row.id for row in rows.unlabelled}
        assert set(ids[:none]) == unlabelled if u >= none else unlabelled.issuperset(ids)
