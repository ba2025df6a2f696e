"""What every store promises, whatever it lies on."""

import json
import pickle
import shutil
import time
from pathlib import Path
from typing import Any

import pytest

from raydoa.cli.store import gc_lines, ls_lines, verify_lines
from raydoa.errors import UserError
from raydoa.store.key import Stage, UnstableValue
from raydoa.store.record import DamagedArtifact
from raydoa.store.store import MissingArtifact, Store
from tests.contract.stored import Bytes, Made


@pytest.fixture
def store(url: str, tmp_path: Path) -> Store:
    return Store(url, cache_dir=tmp_path / "cache")


def record_path(stage: Stage) -> str:
    return f"records/{stage.key[:2]}/{stage.key}.json"


def test_what_is_published_can_be_found_and_fetched(store: Store, folder: Path) -> None:
    stage = Made(1, (Made(0),))
    assert store.find(stage.key) is None
    record = store.publish(stage, folder, {"score": 0.5}, {"host": "here"})
    assert store.find(stage.key) == record
    assert (record.kind, record.version, record.config) == ("made", 1, {"number": 1})
    assert record.input_keys() == (Made(0).key,)
    assert record.facts == {"score": 0.5} and record.provenance == {"host": "here"}
    assert set(record.files) == {"scores.json", "shards/0.parquet"}
    assert record.folder.startswith(f"data/{stage.key[:2]}/{stage.key}/")
    there = store.fetch(stage.key)
    for name in record.files:
        assert (there / name).read_bytes() == (folder / name).read_bytes()
    assert Bytes(store).all() == {
        "store.json",
        record_path(stage),
        *(f"{record.folder}/{name}" for name in record.files),
    }


def test_only_the_named_files_are_fetched(store: Store, folder: Path) -> None:
    stage = Made(1)
    record = store.publish(stage, folder, {}, {})
    Bytes(store).write(f"{record.folder}/shards/0.parquet", b"damaged, but nobody asks for it")
    there = store.fetch(stage.key, ["scores.json"])
    assert json.loads((there / "scores.json").read_text()) == {"score": 0.5}
    with pytest.raises(MissingArtifact, match=r"no file x\.json; it has scores\.json, shards"):
        store.fetch(stage.key, ["x.json"])


def test_an_artifact_may_be_facts_alone(store: Store, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    store.publish(Made(1), tmp_path / "empty", {"score": None}, {})
    assert list(store.fetch(Made(1).key).iterdir()) == []


def test_what_is_not_there(store: Store) -> None:
    key = Made(1).key
    with pytest.raises(MissingArtifact, match=key):
        store.fetch(key)
    assert list(store.keys()) == [] and list(store.verify()) == [] and store.collect() == []
    store.drop(key)


def test_a_store_travels_as_its_arguments(store: Store, folder: Path) -> None:
    record = store.publish(Made(1), folder, {}, {})
    other = pickle.loads(pickle.dumps(store))
    assert other.find(record.key) == record
    assert len(pickle.dumps(store)) < 500


def test_keys_and_drop(store: Store, folder: Path) -> None:
    for number in range(3):
        store.publish(Made(number), folder, {}, {})
    keys = sorted(Made(number).key for number in range(3))
    assert list(store.keys()) == keys
    store.drop(keys[0])
    assert list(store.keys()) == keys[1:]
    assert store.find(keys[0]) is None
    assert not any(keys[0] in path for path in Bytes(store).all())


def test_the_first_maker_of_a_key_wins_and_the_second_is_told(
    store: Store, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    first = store.publish(Made(1), folder, {"by": "first"}, {})
    assert not caplog.messages
    assert store.publish(Made(1), folder, {"by": "second"}, {}) == first
    told = f"{store.url}: made {first.key} was made twice; the first one stays"
    assert caplog.messages == [told]
    assert store.find(first.key) == first
    assert all(first.folder in path for path in Bytes(store).all() if path.startswith("data/"))


@pytest.mark.parametrize("harm", ["changed", "shorter", "missing"])
def test_a_damaged_file_is_detected_dropped_and_made_again(
    store: Store, folder: Path, harm: str
) -> None:
    stage = Made(1)
    record = store.publish(stage, folder, {}, {})
    path = f"{record.folder}/shards/0.parquet"
    content = Bytes(store).read(path)
    if harm == "missing":
        Bytes(store).remove(path)
    else:
        changed = content[:500] + bytes([content[500] ^ 1]) + content[501:]
        Bytes(store).write(path, changed if harm == "changed" else content[:-1])
    for _ in range(2):  # not only the first time
        with pytest.raises(DamagedArtifact, match=r"its file shards/0\.parquet") as caught:
            store.fetch(stage.key)
    assert caught.value.key == stage.key and caught.value.folder == record.folder
    assert [damage is not None for _, damage in store.verify()] == [True]
    store.drop(stage.key, caught.value.folder)
    again = store.publish(stage, folder, {}, {})
    assert again.folder != record.folder
    assert (store.fetch(stage.key) / "shards/0.parquet").read_bytes() == content
    assert list(store.verify()) == [(stage.key, None)]
    store.drop(stage.key, record.folder)  # somebody late, who saw the damage too
    assert store.find(stage.key) == again


def test_damage_is_noticed_after_a_good_read(store: Store, folder: Path, tmp_path: Path) -> None:
    record = store.publish(Made(1), folder, {}, {})
    store.fetch(record.key)
    time.sleep(0.02)  # another modification time
    path = f"{record.folder}/scores.json"
    Bytes(store).write(path, b'{"score": 0.9}')
    with pytest.raises(DamagedArtifact):
        Store(store.url, cache_dir=tmp_path / "another cache").fetch(record.key)


def test_a_damaged_file_of_the_cache_is_downloaded_again(store: Store, folder: Path) -> None:
    if "://" not in store.url:
        pytest.skip("a local store is read in place, without a cache")
    record = store.publish(Made(1), folder, {}, {})
    cached = store.fetch(record.key) / "scores.json"
    cached.write_text("damaged")
    assert store.fetch(record.key) / "scores.json" == cached
    assert cached.read_text() == '{"score": 0.5}'
    assert not list(cached.parent.glob(".*.tmp"))


def test_a_damaged_record_is_detected_and_made_again(store: Store, folder: Path) -> None:
    stage = Made(1)
    record = store.publish(stage, folder, {"score": 0.5}, {})
    for content in (
        Bytes(store).read(record_path(stage))[:-30],
        Bytes(store).read(record_path(stage)).replace(b"0.5", b"0.9"),
        b"",
    ):
        Bytes(store).write(record_path(stage), content)
        with pytest.raises(DamagedArtifact, match=stage.key):
            store.find(stage.key)
        with pytest.raises(DamagedArtifact, match=stage.key):
            store.fetch(stage.key)
        assert [damage is not None for _, damage in store.verify()] == [True]
        # Nothing is collected that the record may have pointed to.
        assert store.collect(older_than_seconds=0) == []
    with pytest.raises(UserError, match="drop it first"):
        store.collect(keep=set(), older_than_seconds=0)
    again = store.publish(stage, folder, {"score": 0.5}, {})
    assert store.find(stage.key) == again
    assert {g.path for g in store.collect(older_than_seconds=0)} == {record.folder}


def test_a_newer_schema_is_refused_and_left_alone(store: Store, folder: Path) -> None:
    record = store.publish(Made(1), folder, {}, {})
    Bytes(store).write("store.json", b'{"schema": 99}')
    before = Bytes(store).all()
    fresh = Store(store.url, cache_dir=store.cache_dir)
    attempts: list[Any] = [
        fresh.prepare,
        lambda: fresh.find(record.key),
        lambda: fresh.fetch(record.key),
        lambda: fresh.publish(Made(2), folder, {}, {}),
        lambda: list(fresh.keys()),
        lambda: list(fresh.verify()),
        lambda: fresh.drop(record.key),
        lambda: fresh.collect(keep=set(), older_than_seconds=0),
    ]
    for attempt in attempts:
        with pytest.raises(UserError, match=r"store\.json: written with store schema 99.*upgrade"):
            attempt()
    assert Bytes(store).all() == before


def test_a_record_of_a_newer_schema_is_refused(store: Store, folder: Path) -> None:
    stage = Made(1)
    store.publish(stage, folder, {}, {})
    body = json.loads(Bytes(store).read(record_path(stage))) | {"schema": 99}
    Bytes(store).write(record_path(stage), json.dumps(body).encode())
    with pytest.raises(UserError, match="schema 99"):
        store.find(stage.key)
    with pytest.raises(UserError, match="schema 99"):
        store.collect(older_than_seconds=0)


def test_a_mark_of_something_else_is_refused(store: Store) -> None:
    for content in (b"not json", b"[]", b"{}", b'{"schema": "x"}'):
        Bytes(store).write("store.json", content)
        with pytest.raises(UserError, match="not the mark of a store"):
            store.prepare()


def test_bad_facts_and_bad_files_leave_nothing(store: Store, folder: Path) -> None:
    with pytest.raises(UnstableValue, match=r"facts\.score: the float nan"):
        store.publish(Made(1), folder, {"score": float("nan")}, {})
    (folder / "weights.pt").write_bytes(b"")
    with pytest.raises(ValueError, match=r"weights\.pt: an artifact holds .*safetensors"):
        store.publish(Made(1), folder, {}, {})
    (folder / "weights.pt").unlink()
    (folder / "link.json").symlink_to(folder / "scores.json")
    with pytest.raises(ValueError, match=r"link\.json: an artifact holds plain files only"):
        store.publish(Made(1), folder, {}, {})
    with pytest.raises(ValueError, match="no such folder"):
        store.publish(Made(1), folder / "nowhere", {}, {})
    assert Bytes(store).all() == set()


def test_an_interrupted_publication_leaves_nothing(
    store: Store, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.prepare()
    place = store.place
    monkeypatch.setattr(place, "settle", raise_interrupt)
    with pytest.raises(KeyboardInterrupt):
        store.publish(Made(1), folder, {}, {})
    assert Bytes(store).all() == {"store.json"}


def raise_interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def test_collect_keeps_what_is_needed_and_what_is_young(store: Store, folder: Path) -> None:
    rows = Made(0)
    teacher, other = Made(1, (rows,)), Made(2, (rows,))
    student = Made(3, (teacher,))
    for stage in (rows, teacher, other, student):
        store.publish(stage, folder, {}, {})
    dead = f"data/{rows.key[:2]}/{rows.key}/20200101T000000Z-0123456789ab"
    Bytes(store).write(f"{dead}/half.json", b"{")
    assert store.collect(keep=set(), older_than_seconds=3600) == []  # all of it is young
    planned = store.collect(keep={student.key}, older_than_seconds=0, dry_run=True)
    assert {(g.what, g.key) for g in planned} == {("artifact", other.key), ("attempt", rows.key)}
    assert len(list(store.keys())) == 4
    removed = store.collect(keep={student.key}, older_than_seconds=0)
    assert [g.path for g in removed] == [g.path for g in planned]
    assert set(store.keys()) == {rows.key, teacher.key, student.key}
    assert not any(path.startswith(dead) for path in Bytes(store).all())
    for key in list(store.keys()):
        store.fetch(key)
    assert store.collect(keep={student.key}, older_than_seconds=0) == []
    with pytest.raises(UserError, match="cannot be negative"):
        store.collect(older_than_seconds=-1)


def test_a_file_that_the_record_does_not_name_is_damage(store: Store, folder: Path) -> None:
    """Readers of the whole folder would read it."""
    record, bytes_ = store.publish(Made(1), folder, {}, {}), Bytes(store)
    for left in (".nfs0000000000000a1b00000001", ".DS_Store", "scores/.nfs0a"):
        bytes_.write(f"{record.folder}/{left}", b"a temporary file")
    assert [damage for _, damage in store.verify()] == [None]
    assert store.published(record.key) == record
    store.fetch(record.key)
    bytes_.write(f"{record.folder}/generation_config.json", b"{}")
    [(key, damage)] = store.verify()
    assert key == record.key and isinstance(damage, DamagedArtifact)
    assert damage.why == "it has a file 'generation_config.json', which its record does not name"
    assert store.published(record.key) is None
    again = store.publish(Made(1), folder, {}, {})
    assert again.folder != record.folder and store.find(record.key) == again
    assert [damage for _, damage in store.verify()] == [None]


def test_what_is_put_into_the_cache_is_refused_and_costs_no_artifact(
    tmp_path: Path, folder: Path
) -> None:
    store = Store(f"memory://cached-{tmp_path.name}", cache_dir=tmp_path / "cache")
    record = store.publish(Made(1), folder, {}, {})
    cached = store.fetch(record.key, ["scores.json"])
    assert store.fetch(record.key) == cached
    (cached / "generation_config.json").symlink_to(tmp_path / "secret")
    told = r"cache/.*: it has a file 'generation_config.json', .*; remove this folder of the cache"
    with pytest.raises(UserError, match=told):
        store.fetch(record.key)
    shutil.rmtree(cached)
    cached.symlink_to(tmp_path)
    with pytest.raises(UserError, match="a symbolic link is where a folder is needed"):
        store.fetch(record.key)
    assert store.find(record.key) == record and [d for _, d in store.verify()] == [None]


def test_shipped_artifacts_are_found_behind_the_store(
    url: str, folder: Path, tmp_path: Path
) -> None:
    shipped = tmp_path / "shipped"
    record = Store(str(shipped)).publish(Made(1), folder, {"by": "us"}, {})
    store = Store(url, cache_dir=tmp_path / "cache", shipped=[shipped])
    assert store.find(record.key) == record
    assert pickle.loads(pickle.dumps(store)).find(record.key) == record
    assert store.fetch(record.key) == shipped / record.folder
    assert list(store.keys()) == []
    store.drop(record.key)  # only its own
    assert store.find(record.key) == record
    assert store.publish(Made(1), folder, {"by": "the user"}, {}).facts == {"by": "the user"}
    found = store.find(record.key)
    assert found is not None and found.facts == {"by": "the user"}
    store.drop(record.key)
    (shipped / record.folder / "scores.json").write_text("damaged")
    with pytest.raises(UserError, match=r"shipped artifact .* reinstall raydoa"):
        store.fetch(record.key)
    shutil.copy(folder / "scores.json", shipped / record.folder)
    store.fetch(record.key)
    (shipped / record.folder / "chat_template.json").write_text("{}")
    with pytest.raises(UserError, match=r"has a file 'chat_template\.json', .* reinstall raydoa"):
        store.fetch(record.key)
    with pytest.raises(UserError, match="no such folder of shipped artifacts"):
        Store(url, shipped=[tmp_path / "nowhere"])


def test_lines_for_the_terminal(store: Store, folder: Path) -> None:
    records = [store.publish(Made(n), folder, {"score": 0.25, "n": n}, {}) for n in range(2)]
    lines = list(ls_lines(store))
    assert len(lines) == 3 and lines[-1] == f"2 artifacts, 200 KB, in {store.url}"
    assert sorted(line[:12] for line in lines[:2]) == sorted(r.key[:12] for r in records)
    assert all("made" in line and "100 KB" in line and "score=0.25" in line for line in lines[:2])
    assert list(ls_lines(store, kind="other")) == [f"0 artifacts, 0 B, in {store.url}"]
    assert list(verify_lines(store)) == [f"2 artifacts read, 0 damaged, in {store.url}"]

    Bytes(store).write(f"{records[0].folder}/scores.json", b"{}")
    checked = verify_lines(store)
    assert next(checked) == f"{records[0].key}  its file scores.json has 2 bytes instead of 14"
    with pytest.raises(UserError, match="1 of 2 artifacts damaged; drop them with"):
        list(checked)
    assert "; dropped" in next(iter(list(verify_lines(store, drop=True))))
    assert list(store.keys()) == [records[1].key]

    lines = list(gc_lines(store, keep=set(), older_than_seconds=0, dry_run=True))
    assert lines[-1] == f"1 thing, 100 KB, would be removed from {store.url}"
    assert list(store.keys()) == [records[1].key]
    assert list(gc_lines(store, set(), 0))[-1] == f"1 thing, 100 KB, removed from {store.url}"
    assert list(store.keys()) == []
