import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from raydoa.errors import UserError
from raydoa.store.key import Stage, UnstableValue
from raydoa.store.record import (
    SCHEMA,
    DamagedArtifact,
    FileFacts,
    Record,
    check_name,
    make_record,
    parse_record,
)


@dataclass(frozen=True)
class Leaf(Stage):
    kind: ClassVar[str] = "leaf"
    version: ClassVar[int] = 1
    seed: int


@dataclass(frozen=True)
class Join(Stage):
    kind: ClassVar[str] = "join"
    version: ClassVar[int] = 1
    one: Stage
    many: tuple[Stage, ...]


def a_record(**changes: Any) -> Record:
    given_values: dict[str, Any] = {
        "files": {"a.json": FileFacts("0" * 64, 7), "shards/b.parquet": FileFacts("1" * 64, 5)},
        "facts": {"score": 1.0, "rows": 3, "note": "µ"},
        "provenance": {"host": "here", "gpu_seconds": 0.1},
    }
    return make_record(Leaf(1), "data/aa/key/attempt", **(given_values | changes))


plain_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(), plain_values, max_size=4))
def test_a_record_reads_back_as_written(facts: dict[str, Any]) -> None:
    record = a_record(facts=facts)
    assert parse_record(record.to_bytes(), record.key, "here") == record
    assert record.size_bytes == 12


def test_floats_of_facts_stay_floats() -> None:
    record = a_record()
    assert isinstance(parse_record(record.to_bytes(), record.key, "here").facts["score"], float)


@settings(max_examples=300)
@given(st.data())
def test_any_changed_byte_is_noticed(data: Any) -> None:
    record = a_record()
    content = bytearray(record.to_bytes())
    place = data.draw(st.integers(0, len(content) - 1))
    content[place] = data.draw(st.integers(0, 255).filter(lambda byte: byte != content[place]))
    try:
        found = parse_record(bytes(content), record.key, "here")
    except DamagedArtifact as damage:
        assert damage.key == record.key
    except UserError as mistake:  # the digit of the schema became a larger one
        assert "schema" in str(mistake)
    else:  # only white space between the values differs
        assert found == record


@given(st.integers(0, 400))
def test_a_record_cut_short_is_noticed(length: int) -> None:
    record = a_record()
    content = record.to_bytes()[:length]
    with pytest.raises(DamagedArtifact, match="not JSON"):
        parse_record(content, record.key, "here")


def test_a_record_of_another_key_is_noticed() -> None:
    with pytest.raises(DamagedArtifact, match="is that of"):
        parse_record(a_record().to_bytes(), Leaf(2).key, "here")


def test_a_newer_schema_is_told_before_anything_else() -> None:
    body = json.loads(a_record().to_bytes()) | {"schema": SCHEMA + 1, "new_field": 1}
    with pytest.raises(UserError, match=rf"^here: written with store schema {SCHEMA + 1}.*upgrade"):
        parse_record(json.dumps(body).encode(), Leaf(1).key, "here")


@pytest.mark.parametrize("content", [b"[]", b"{}", b'{"schema": "1"}', b'{"schema": 1}', b"\xff"])
def test_other_content_is_damage(content: bytes) -> None:
    with pytest.raises(DamagedArtifact):
        parse_record(content, Leaf(1).key, "here")


def test_facts_must_be_plain_and_finite() -> None:
    with pytest.raises(UnstableValue, match=r"^facts.score: the float nan"):
        a_record(facts={"score": float("nan")})
    with pytest.raises(UnstableValue, match=r"^provenance.host: "):
        a_record(provenance={"host": object()})


def test_inputs_and_age() -> None:
    stage = Join(Leaf(1), (Leaf(2), Leaf(3)))
    record = make_record(stage, "data/x", {}, {}, {})
    assert set(record.input_keys()) == {Leaf(n).key for n in (1, 2, 3)}
    now = datetime.now(UTC)
    record = replace(record, created_at=(now - timedelta(hours=1)).isoformat())
    assert record.age_seconds(now) == pytest.approx(3600)


@pytest.mark.parametrize("name", ["/etc/x", "../x", "a/../../x", "", "a//b", "./a"])
def test_a_file_name_stays_inside(name: str) -> None:
    with pytest.raises(AssertionError, match="bad file name"):
        check_name(name)
