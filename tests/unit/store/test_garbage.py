from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from raydoa.errors import UserError
from raydoa.store.garbage_collection import find_garbage
from raydoa.store.key import Stage
from raydoa.store.names import ATTEMPT_TIME
from raydoa.store.record import DamagedArtifact, FileFacts, Record, make_record
from raydoa.store.storage import Listed

NOW = datetime(2025, 6, 1, tzinfo=UTC)
HOUR = 3600.0


@dataclass(frozen=True)
class Node(Stage):
    kind: ClassVar[str] = "node"
    version: ClassVar[int] = 1
    number: int
    needs: tuple[Stage, ...] = ()


def attempt_of(key: str, age_seconds: float, tail: str = "0" * 12) -> str:
    began = (NOW - timedelta(seconds=age_seconds)).strftime(ATTEMPT_TIME)
    return f"data/{key[:2]}/{key}/{began}-{tail}"


def published(stage: Stage, age_seconds: float) -> Record:
    folder = attempt_of(stage.key, age_seconds)
    record = make_record(stage, folder, {"a.json": FileFacts("0" * 64, 3)}, {}, {})
    created = (NOW - timedelta(seconds=age_seconds)).isoformat()
    return replace(record, created_at=created)


def found_paths(
    records: dict[str, Record | DamagedArtifact], files: dict[str, Listed], **options: Any
) -> set[str]:
    options = {"keep": None, "older_than_seconds": HOUR, "now": NOW} | options
    return {garbage.path for garbage in find_garbage(records, files, **options)}


def test_attempts_without_a_record_go_once_they_are_old() -> None:
    stage = Node(1)
    record = published(stage, 5 * HOUR)
    dead = attempt_of(stage.key, 4 * HOUR, "1" * 12)
    young = attempt_of(stage.key, HOUR / 2, "2" * 12)
    busy = attempt_of(stage.key, 4 * HOUR, "3" * 12)  # began long ago, still writing
    empty = attempt_of(Node(2).key, 4 * HOUR)
    old = NOW.timestamp() - 4 * HOUR
    files = {
        f"{record.folder}/a.json": Listed(3, old),
        f"{dead}/a.json": Listed(3, old),
        f"{dead}/deep/b.json": Listed(4, None),
        f"{young}/a.json": Listed(3, None),
        f"{busy}/a.json": Listed(3, NOW.timestamp() - 5),
        f"{empty}/.": Listed(0, old),
        "data/README.txt": Listed(3, 0.0),
        f"data/aa/{stage.key}/not-an-attempt/a.json": Listed(3, 0.0),
        f"records/{stage.key[:2]}/{stage.key}.json": Listed(3, 0.0),
        f"records/{stage.key[:2]}/.{stage.key}.json.0f.tmp": Listed(3, old),
        f"records/{stage.key[:2]}/.{stage.key}.json.1f.tmp": Listed(3, NOW.timestamp()),
    }
    assert found_paths({stage.key: record}, files) == {
        dead,
        empty,
        f"records/{stage.key[:2]}/.{stage.key}.json.0f.tmp",
    }
    sizes = {g.path: g.bytes for g in find_garbage(
        {stage.key: record}, files, keep=None, older_than_seconds=HOUR, now=NOW
    )}  # fmt: skip
    assert sizes[dead] == 7


def test_a_damaged_record_protects_its_attempts_and_stops_a_collection_of_artifacts() -> None:
    key = Node(1).key
    files = {f"{attempt_of(key, 9 * HOUR)}/a.json": Listed(3, None)}
    damaged: dict[str, Record | DamagedArtifact] = {key: DamagedArtifact(key, "cut short")}
    assert found_paths(damaged, files) == set()
    with pytest.raises(UserError, match=r"cut short.*drop it first"):
        found_paths(damaged, files, keep={key})


@given(st.data())
def test_nothing_that_is_needed_or_young_is_ever_collected(data: Any) -> None:
    stages: list[Node] = []
    for number in range(data.draw(st.integers(1, 8))):
        needs = data.draw(st.sets(st.sampled_from(stages), max_size=3)) if stages else set()
        stages.append(Node(number, tuple(sorted(needs, key=lambda s: s.number))))
    there = [stage for stage in stages if data.draw(st.booleans())]
    ages = {stage.key: data.draw(st.sampled_from([0.0, HOUR / 2, 2 * HOUR])) for stage in there}
    keep = {stage.key for stage in stages if data.draw(st.booleans())}
    records = {stage.key: published(stage, ages[stage.key]) for stage in there}
    gone = {
        garbage.key
        for garbage in find_garbage(records, {}, keep=keep, older_than_seconds=HOUR, now=NOW)
    }
    assert all(ages[key] >= HOUR for key in gone)
    roots = [stage for stage in there if stage.key in keep or ages[stage.key] < HOUR]
    for root in roots:
        assert root.key not in gone
        assert gone.isdisjoint(reachable(root, set(records)))
    needed = {key for root in roots for key in reachable(root, set(records))}
    assert gone == {stage.key for stage in there} - needed  # and all the rest goes


def reachable(stage: Stage, there: set[str]) -> set[str]:
    """What can be followed from ``stage`` through records that are there."""
    if stage.key not in there:
        return {stage.key}
    return {stage.key}.union(*(reachable(needed, there) for needed in stage.inputs()))
