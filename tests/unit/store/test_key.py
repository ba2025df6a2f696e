import pickle
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import Enum, IntEnum
from hashlib import sha256
from pathlib import Path
from typing import Any, ClassVar, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from raydoa.settings import Settings
from raydoa.store.key import LATER, Stage, UnstableValue, canonical_json, closure


@dataclass(frozen=True)
class Odd:
    """What a stage may hold."""

    schedule: str
    steps: tuple[int, ...] = (1, 2)


@dataclass(frozen=True)
class Holder(Stage):
    """Of anything."""

    kind: ClassVar[str] = "holder"
    version: ClassVar[int] = 1
    value: Any


class Schedule(Enum):
    CONSTANT = "constant"
    LINEAR = "linear"


class Level(IntEnum):
    LOW = 1


class Recipe(Settings):
    learning_rate: float = 1e-3
    schedule: Literal["constant", "linear"] = "constant"


RECIPE = Recipe()


@dataclass(frozen=True)
class Part:
    name: str
    weight: float


@dataclass(frozen=True)
class Rows(Stage):
    kind: ClassVar[str] = "rows"
    version: ClassVar[int] = 1
    task: str
    count: int = 10


@dataclass(frozen=True)
class Train(Stage):
    kind: ClassVar[str] = "train"
    version: ClassVar[int] = 2
    rows: Rows
    recipe: Recipe = RECIPE
    base: "Train | None" = None


@dataclass(frozen=True)
class Merge(Stage):
    kind: ClassVar[str] = "merge"
    version: ClassVar[int] = 1
    parts: tuple[Stage, ...]
    weights: tuple[float, ...] = ()


# Equal numbers of different types, which a float field would accept alike.
scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(values)
def test_canonical_json_is_ascii_and_stable(value: Any) -> None:
    text = canonical_json(value)
    assert text.isascii()
    assert text == canonical_json(pickle.loads(pickle.dumps(value)))


@given(st.dictionaries(st.text(), scalars, max_size=6), st.randoms())
def test_order_of_names_does_not_matter(value: dict[str, Any], random: Any) -> None:
    names = list(value)
    random.shuffle(names)
    assert canonical_json({name: value[name] for name in names}) == canonical_json(value)


@given(st.floats(allow_nan=False, allow_infinity=False) | st.integers(), st.data())
def test_numbers_have_equal_text_exactly_when_they_are_equal(a: float, data: Any) -> None:
    b = data.draw(st.sampled_from([a, int(a), a + 1, -a]))
    assert (canonical_json(a) == canonical_json(b)) == (a == b)


def test_values_that_are_equal_in_python_but_differ_in_meaning_differ() -> None:
    texts = [canonical_json(value) for value in (True, 1, "1", None, "null", [1], {"1": 1}, "true")]
    assert len(set(texts)) == len(texts)


def test_typed_values_become_plain() -> None:
    value = {"b": Part("x", 1.0), "a": [Recipe(), Schedule.LINEAR, (0.1, 2)]}
    assert canonical_json(value) == (
        '{"a":[{"learning_rate":0.001,"schedule":"constant"},"linear",[0.1,2]],'
        '"b":{"name":"x","weight":1}}'
    )


@pytest.mark.parametrize(
    ("value", "named"),
    [
        ({"a": {"b": [1, Path("x")]}}, "a.b[1]: PosixPath('x')"),
        ({"rates": [0.1, float("nan")]}, "rates[1]: the float nan"),
        ({"rate": float("inf")}, "rate: the float inf"),
        ({"names": {"x"}}, "names: {'x'}, of type set"),
        ({"blob": b"x"}, "blob: b'x', of type bytes"),
        ({"when": datetime(2025, 1, 1, tzinfo=UTC)}, "when: datetime"),
        ({"level": Level.LOW}, "level: <Level.LOW: 1>, an Enum whose value is not a string"),
        ({"of": {1: 2}}, "of: a dict with the name 1"),
        (object, "(value): <class 'object'>"),
        (Part, "(value): <class"),
        ([Part("x", float("nan"))], "[0].weight: the float nan"),
        ({"of": [Rows("a")]}, "of[0]: a stage"),
    ],
)
def test_a_value_without_stable_bytes_is_refused_by_name(value: Any, named: str) -> None:
    with pytest.raises(UnstableValue) as caught:
        canonical_json(value)
    assert str(caught.value).startswith(named)
    assert "\n" not in str(caught.value)


def test_key_is_the_hash_of_this_text() -> None:
    # Written out: if it changes, every artifact of every user is made again.
    rows = '{"config":{"count":10,"task":"wlp"},"inputs":{},"kind":"rows","version":1}'
    assert Rows("wlp").key == sha256(rows.encode()).hexdigest()
    train = (
        '{"config":{"base":null,"recipe":{"learning_rate":0.001,"schedule":"constant"}},'
        f'"inputs":{{"rows":"{Rows("wlp").key}"}},"kind":"train","version":2}}'
    )
    assert Train(Rows("wlp")).key == sha256(train.encode()).hexdigest()


def test_the_text_is_that_of_the_identity() -> None:
    """However often a value has been written for another stage, and whatever it holds."""
    recipe, named = Odd("linear"), {"b": 1.0, "a": None}
    for value in (recipe, recipe, named, [1, 1.0, True], True, 1, 1.0, "\u00e9", None, (recipe,)):
        stage = Holder(value)
        text = canonical_json(stage.identity())
        assert stage.key == sha256(text.encode()).hexdigest(), value
    named["b"] = 2.0
    assert Holder(named).key != Holder({"b": 1.0, "a": None}).key, "a dict may change"
    assert Holder(1).key == Holder(1.0).key != Holder(True).key


def test_identity_separates_inputs_from_config() -> None:
    rows, other = Rows("wlp"), Rows("wlp", 20)
    merged = Merge((rows, Train(other)), (1.0, 2.0))
    assert merged.identity() == {
        "kind": "merge",
        "version": 1,
        "config": {"weights": [1.0, 2.0]},
        "inputs": {"parts": [rows.key, Train(other).key]},
    }
    assert merged.inputs() == (rows, Train(other))
    assert Train(rows).identity()["config"] == {
        "recipe": {"learning_rate": 0.001, "schedule": "constant"},
        "base": None,
    }


def test_everything_in_the_identity_changes_the_key() -> None:
    base = Train(Rows("wlp"))

    @dataclass(frozen=True)
    class Train2(Train):
        version: ClassVar[int] = 3

    @dataclass(frozen=True)
    class Tune(Train):
        kind: ClassVar[str] = "tune"

    others = [
        replace(base, rows=Rows("stanceosaurus")),
        replace(base, rows=Rows("wlp", 11)),
        replace(base, recipe=Recipe(learning_rate=2e-3)),
        replace(base, base=base),
        Train2(Rows("wlp")),
        Tune(Rows("wlp")),
        Merge((base,)),
        Merge((base, base)),
    ]
    assert len({stage.key for stage in [base, *others]}) == len(others) + 1


def test_int_and_float_of_a_float_field_hash_alike() -> None:
    assert Merge((Rows("a"),), (1.0, 2.0)).key == Merge((Rows("a"),), (1, 2)).key


def test_closure_lists_every_stage_once_inputs_first() -> None:
    rows = Rows("wlp")
    teacher = Train(rows)
    student = Train(Rows("wlp"), base=teacher)
    merged = Merge((student, teacher))
    assert closure([merged]) == (rows, teacher, student, merged)


@given(st.integers(0, 2**16))
def test_closure_of_any_graph(bits: int) -> None:
    stages: list[Stage] = [Rows("root")]
    for index in range(1, 6):
        chosen = tuple(s for place, s in enumerate(stages) if bits >> (index * 3 + place) & 1)
        stages.append(Merge((stages[0], *chosen), (index,)))
    order = closure(stages[-1:])
    seen: set[str] = set()
    for stage in order:
        assert {needed.key for needed in stage.inputs()} <= seen
        assert stage.key not in seen
        seen.add(stage.key)
    assert order[-1] is stages[-1]


def test_a_pickle_does_not_carry_the_cached_key() -> None:
    stage = Rows("wlp")
    assert stage.key
    copy = pickle.loads(pickle.dumps(stage))
    assert "key" in vars(stage) and "key" not in vars(copy)
    assert copy == stage and copy.key == stage.key


def test_a_stage_that_is_no_dataclass_itself_has_no_key() -> None:
    class Forgotten(Rows):
        seed: int = 0

    with pytest.raises(AssertionError, match="is not a dataclass"):
        _ = Forgotten("wlp").key


def test_a_bad_field_of_a_stage_is_named() -> None:
    with pytest.raises(UnstableValue, match=r"^weights\[0\]: the float nan"):
        _ = Merge((Rows("a"),), (float("nan"),)).key
    with pytest.raises(UnstableValue, match=r"^parts\[0\]: a stage"):
        _ = Merge([Rows("a")]).key


def test_a_field_that_came_later_keeps_old_names_and_makes_new_ones() -> None:
    def stage(fields: dict[str, Any]) -> type[Stage]:
        body = {"kind": "k", "version": 1, "__annotations__": {"size": int, **fields}}
        later = {name: field(default=None, metadata=LATER) for name in fields}
        return dataclass(frozen=True)(type("Growing", (Stage,), {**body, **later}))

    before = stage({})
    after = stage({"repeat": int | None, "rows": Rows | None})
    assert after(3).key == before(3).key
    keys = {after(3, *more).key for more in ((), (0,), (1,), (None, Rows("a")), (1, Rows("a")))}
    assert len(keys) == 5
    assert Rows("a") in after(3, None, Rows("a")).inputs()
