import hashlib
import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from raydoa.errors import UserError
from raydoa.store.key import Stage, UnstableValue, canonical_json
from raydoa.store.names import is_key
from raydoa.store.record import (
    SCHEMA,
    DamagedArtifact,
    FileFacts,
    Record,
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


FOLDER = f"data/{Leaf(1).key[:2]}/{Leaf(1).key}/20250601T120000Z-0123456789ab"


def a_record(**changes: Any) -> Record:
    given_values: dict[str, Any] = {
        "files": {"a.json": FileFacts("0" * 64, 7), "shards/b.parquet": FileFacts("1" * 64, 5)},
        "facts": {"score": 1.0, "rows": 3, "note": "µ"},
        "provenance": {"host": "here", "gpu_seconds": 0.1},
    }
    return make_record(Leaf(1), FOLDER, **(given_values | changes))


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


def forged(**changes: Any) -> bytes:
    """A record that says something else, with the digest that belongs to that."""
    body = {**json.loads(a_record().to_bytes()), **changes}
    del body["digest"]
    digest = hashlib.sha256(canonical_json(body).encode()).hexdigest()
    return json.dumps(body | {"digest": digest}).encode()


GOOD = {"sha256": "0" * 64, "bytes": 7}


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"kind": 3}, "its kind is 3, where the name of a kind belongs"),
        ({"kind": "a\nb"}, r"its kind is 'a\nb', where"),
        ({"version": "1"}, "its version is '1', where a whole number belongs"),
        ({"version": True}, "its version is True"),
        ({"version": 2**70}, "its version is 11805916"),
        ({"config": []}, "its config is [], where an object belongs"),
        ({"inputs": "x"}, "its inputs is 'x', where an object of keys belongs"),
        ({"inputs": {"a": "../x"}}, "its inputs is {'a': '../x'}"),
        ({"inputs": {"a": [3]}}, "its inputs is {'a': [3]}"),
        ({"files": ["a.json"]}, "its files is ['a.json'], where an object belongs"),
        ({"files": {"a": None}}, "its file a has None, where a sha256 and a size belong"),
        ({"files": {"a": GOOD | {"bytes": -1}}}, "its file a has"),
        ({"files": {"a": GOOD | {"bytes": 2**70}}}, "its file a has"),
        ({"files": {"a": GOOD | {"bytes": 1.5}}}, "its file a has"),
        ({"files": {"a": GOOD | {"more": 1}}}, "its file a has"),
        ({"files": {"a": GOOD | {"sha256": "0"}}}, "its file a has"),
        ({"files": {"a": GOOD, "a/b": GOOD}}, "it names a file 'a/b', which lies in another file"),
        ({"files": {"../a": GOOD}}, "it names a file '../a', which is no plain name"),
        ({"facts": "x" * 500}, "its facts is 'xxxxxxxx"),
        ({"provenance": None}, "its provenance is None, where an object belongs"),
        ({"created_at": 3}, "its created_at is 3, where a time with its zone belongs"),
        ({"created_at": "2025-01-01T00:00:00"}, "its created_at is '2025-01-01T00:00:00', where"),
        ({"created_at": "yesterday"}, "its created_at is 'yesterday'"),
        ({"folder": "../victim"}, "its folder is '../victim', where an attempt at its own key"),
        ({"folder": FOLDER.replace("20250601", "20259999")}, "its folder is 'data/"),
        ({"schema": True}, "has no schema"),
        ({"schema": 0}, "has no schema"),
    ],
)
def test_a_record_that_says_what_none_may_is_damage_whatever_its_digest(
    changes: dict[str, Any], why: str
) -> None:
    key = Leaf(1).key
    with pytest.raises(DamagedArtifact) as caught:
        parse_record(forged(**changes), key, "here")
    assert why in caught.value.why and caught.value.why.startswith("its record here ")
    assert str(caught.value).isprintable() and len(caught.value.why) < 300


def test_json_that_is_no_record() -> None:
    for content, why in {
        b"[" * 100_000: "nested too deeply",
        b'{"schema": 1, "facts": ' + b"[" * 100_000: "nested too deeply",
        b"1" * 5000: "is not JSON",  # more digits than an int is read from
        b'{"schema": NaN}': "has no schema",
        b'{"schema": 1, "\\ud800": 1, "x\\n": 2}': r"adds the fields config",
        "{}".encode("utf-16"): "has no schema",
        b"": "is not JSON",
        b"\xff\xfe\xfa": "is not JSON",
    }.items():
        with pytest.raises(DamagedArtifact, match=why) as caught:
            parse_record(content, Leaf(1).key, "here")
        assert str(caught.value).isprintable()


json_values = plain_values | st.just([[[[[[{"a": 1e308}]]]]]]) | st.sampled_from([FOLDER, "0" * 64])


@given(st.data())
def test_any_value_in_any_field_is_a_good_record_or_damage(data: Any) -> None:
    """With the digest that belongs to it: the types are checked, and not only that nothing changed."""
    body = json.loads(a_record().to_bytes())
    place, name = body, data.draw(st.sampled_from(sorted(body.keys() - {"digest"})))
    while isinstance(place[name], dict) and place[name] and data.draw(st.booleans()):
        place = place[name]
        name = data.draw(st.sampled_from(sorted(place)) | st.text())
        place.setdefault(name, None)
    place[name] = data.draw(json_values)
    content = forged(**body)
    try:
        record = parse_record(content, Leaf(1).key, "here")
    except (DamagedArtifact, UserError) as error:
        assert str(error).isprintable()
        assert isinstance(error, DamagedArtifact) or "schema" in str(error)
    else:
        assert parse_record(record.to_bytes(), record.key, "here") == record
        assert record.folder == FOLDER and record.size_bytes >= 0
        assert isinstance(record.age_seconds(datetime.now(UTC)), float)
        assert all(is_key(key) for key in record.input_keys()) and len(record.content) == 64


@given(st.data())
def test_bytes_put_in_or_taken_out_are_damage(data: Any) -> None:
    content = a_record().to_bytes()
    start = data.draw(st.integers(0, len(content)))
    end = data.draw(st.integers(start, min(len(content), start + 50)))
    mixed = content[:start] + data.draw(st.binary(max_size=20)) + content[end:]
    try:
        assert parse_record(mixed, Leaf(1).key, "here") == parse_record(
            content, Leaf(1).key, "here"
        )
    except DamagedArtifact as damage:
        assert str(damage).isprintable()
    except UserError as newer:
        assert "schema" in str(newer)
