"""Whoever can write a store makes nobody remove, read or change anything outside it, nor what is another's in it."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from raydoa.cli import main
from raydoa.errors import UserError
from raydoa.store.names import record_path
from raydoa.store.record import DamagedArtifact, Record
from raydoa.store.storage import OddEntry
from raydoa.store.store import MissingArtifact, Store
from tests.contract.stored import Made, forge

STAGE = Made(1, (Made(0),))
OTHER = Made(2)
ATTEMPT = "20200101T000000Z-0123456789ab"


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """What every stage here has made."""
    return make(tmp_path / "made")


def make(folder: Path) -> Path:
    (folder / "shards").mkdir(parents=True)
    (folder / "a.json").write_text("{}")
    (folder / "shards" / "0.csv").write_text("x,y\n")
    return folder


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("filled")
    store = Store(str(folder / "store"))
    for stage in (Made(0), STAGE, OTHER):
        store.publish(stage, make(folder / f"made{stage.number}"), {"score": 0.5}, {})
    store.keep_plan("a-plan", {})
    return folder / "store"


@pytest.fixture
def store(filled: Path, tmp_path: Path) -> Store:
    """A store with three artifacts and a plan, in a folder with a neighbour."""
    (tmp_path / "victim" / "deep").mkdir(parents=True)
    (tmp_path / "victim" / "a.json").write_text("{}")
    (tmp_path / "victim" / "deep" / "secret.json").write_text("secret")
    shutil.copytree(filled, tmp_path / "store")
    return Store(str(tmp_path / "store"), cache_dir=tmp_path / "cache")


def published(store: Store) -> Record:
    record = store.find(STAGE.key)
    assert record is not None
    return record


def everything(folder: Path) -> dict[str, object]:
    """What lies below a folder, links as such."""
    found: dict[str, object] = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.is_symlink():
            found[name] = ("link", str(path.readlink()))
        else:
            found[name] = path.read_bytes() if path.is_file() else path.stat().st_mode
    return found


def command(*arguments: str) -> Callable[[Store, Path], object]:
    def run(store: Store, made: Path) -> None:
        code = main(["store", arguments[0], store.url, *arguments[1:]])
        assert code in (0, 2), code

    return run


def drop_as_a_sweep_does(store: Store, made: Path) -> None:
    """What the builder does with an artifact that turns out to be damaged."""
    try:
        store.fetch(STAGE.key)
    except DamagedArtifact as damage:
        store.drop(damage.key, damage.folder)


USES: dict[str, Callable[[Store, Path], object]] = {
    "ls": command("ls"),
    "verify": command("verify"),
    "gc": command("gc"),
    "gc of all that is old": command("gc", "--older-than-hours", "0"),
    "find": lambda store, made: store.find(STAGE.key),
    "fetch": lambda store, made: store.fetch(STAGE.key),
    "fetch of one": lambda store, made: store.fetch(STAGE.key, ["a.json"]),
    "collect": lambda store, made: store.collect(keep={OTHER.key}, older_than_seconds=0),
    "verify --drop": command("verify", "--drop"),
    "drop": lambda store, made: store.drop(STAGE.key),
    "drop by a sweep": drop_as_a_sweep_does,
    "publish": lambda store, made: store.publish(STAGE, made, {}, {}),
}
READ_ONLY = list(USES)[:7]


def used(store: Store, made: Path, use: str) -> None:
    """Use the store; the one thing that may come of it is an error in one line."""
    fresh = Store(store.url, cache_dir=store.cache_dir)
    try:
        USES[use](fresh, made)
    except (DamagedArtifact, MissingArtifact, UserError) as error:
        assert "\n" not in str(error)


def bad_folders(own: str, other: str) -> Iterator[str | int | list[str] | None]:
    """Where a record may not say that its files lie."""
    yield from (
        "../victim",
        "../../victim",
        "",
        ".",
        "..",
        "/",
        "data",
        "records",
        "victim",
        "./data",
    )
    yield from (f"{own}/", f"/{own}", f"./{own}", f"{own}/.", f"{own}/..", f"{own}/../{ATTEMPT}")
    yield from (own.replace("/", "\\"), own.upper(), f"{own}\0", f"{own}\n", f"{own}/shards")
    yield from (
        f"{own}/../../../../../victim",
        own.rpartition("/")[0],
        own.replace("data/", "DATA/"),
    )
    yield from (other, f"{other.rpartition('/')[0]}/{ATTEMPT}", own.replace("T", "t"))
    yield from (1, None, [own])


def bad_names() -> Iterator[str]:
    """What a file of an artifact may not be called."""
    yield from ("../a.json", "../../../../../victim/a.json", "/etc/passwd", "", ".", "..", "a/../b")
    yield from (
        "a/",
        "/a",
        "a//b",
        "./a",
        "a\\b",
        "..\\a",
        "a\0",
        "a\nb",
        "\x1b[2J",
        "\udcff",
        "x" * 999,
    )
    yield from ("/".join(["deep"] * 400), "a.json/b", "shards/0.csv/../../a.json")


def damaged(store: Store) -> DamagedArtifact:
    with pytest.raises(DamagedArtifact) as caught:
        store.find(STAGE.key)
    assert str(caught.value).isprintable() and caught.value.folder is None
    return caught.value


def check_uses(store: Store, made: Path, outside: Path) -> None:
    """Use a store with one forged record in every way: nothing goes but that, and nothing is read by it."""
    damaged(store)
    record = f"store/{record_path(STAGE.key)}"
    before = everything(outside)
    for use in READ_ONLY:
        used(store, made, use)
        assert everything(outside) == before, use
    for use in ("verify --drop", "drop", "drop by a sweep"):
        used(store, made, use)
        after = everything(outside)
        assert before.items() - after.items() == {(record, before[record])}, use
        assert after.items() <= before.items(), use
        content = before[record]
        assert isinstance(content, bytes)
        (outside / record).write_bytes(content)
    used(store, made, "collect")  # refused, as it is unknown what the damaged one depends on
    assert everything(outside) == before
    used(store, made, "publish")
    after = everything(outside)
    assert {name for name, content in before.items() if after[name] != content} == {record}
    assert list(Store(store.url).verify()) == [(key, None) for key in sorted(store.keys())]


@pytest.mark.parametrize("number", range(len(list(bad_folders("/", "/")))))
def test_the_folder_in_a_record_is_its_own_attempt(
    store: Store, made: Path, tmp_path: Path, number: int
) -> None:
    other = store.find(OTHER.key)
    assert other is not None
    folder = list(bad_folders(published(store).folder, other.folder))[number]
    forge(store, published(store), folder=folder)
    check_uses(store, made, tmp_path)


@pytest.mark.parametrize("name", list(bad_names()), ids=lambda name: ascii(name[:20]))
def test_the_names_in_a_record_stay_in_its_folder(
    store: Store, made: Path, tmp_path: Path, name: str
) -> None:
    record = published(store)
    facts = {"sha256": record.files["a.json"].sha256, "bytes": 2}
    forge(store, record, files={"a.json": facts, name: facts})
    check_uses(store, made, tmp_path)


def test_the_same_of_a_remote_store(url: str, made: Path, tmp_path: Path) -> None:
    store = Store(url, cache_dir=tmp_path / "cache")
    record, other = store.publish(STAGE, made, {}, {}), store.publish(OTHER, made, {}, {})
    facts = {"sha256": record.files["a.json"].sha256, "bytes": 2}
    before = everything(made)
    for changes in (
        {"folder": other.folder},
        {"folder": f"{record.folder}/../../../../../victim"},
        {"folder": ""},
        {"folder": str(tmp_path / "made")},
        {"files": {"../../../../../../made/a.json": facts}},
    ):
        forge(store, record, **changes)
        with pytest.raises(DamagedArtifact, match="not to be believed"):
            store.fetch(STAGE.key)
        assert [key for key, damage in store.verify() if damage] == [STAGE.key]
        store.drop(STAGE.key)
        assert store.find(STAGE.key) is None
        assert (store.fetch(OTHER.key) / "a.json").read_text() == "{}"
    for path in ("../x", "a/../../x", "/x", "", "a//x", "./x"):
        for use in (
            store.place.read,
            store.place.remove,
            store.place.remove_folder,
            store.place.listing,
        ):
            with pytest.raises(OddEntry, match="not a path inside it"):
                use(path)
        with pytest.raises(OddEntry, match="not a path inside it"):
            store.place.write(path, b"")
        with pytest.raises(OddEntry, match="not a path inside it"):
            store.place.put(made / "a.json", path)
    assert everything(made) == before


def test_a_key_is_a_key(store: Store, tmp_path: Path) -> None:
    before = everything(tmp_path)
    for key in ("../../victim/a", STAGE.key.upper(), STAGE.key[:-1], "", f"{STAGE.key}\n", "*"):
        for use in (store.find, store.fetch, store.drop):
            with pytest.raises(UserError, match="is no key; expected 64 hexadecimal digits"):
                use(key)
    for plan in ("../../victim/a", "", "a\0", "/a"):
        with pytest.raises(ValueError, match="bad file name"):
            store.keep_plan(plan, {})
    assert everything(tmp_path) == before


PLACES = (
    "store.json", "plans", "data", "data/KK", "data/KK/KEY", "FOLDER", "FOLDER/a.json", "FOLDER/shards",
    "FOLDER/shards/0.csv", "records", "records/KK", "records/KK/KEY.json",
)  # fmt: skip
"""Where somebody may put a link."""


def placed(template: str, record: Record) -> str:
    path = template.replace("FOLDER", record.folder)
    return path.replace("KK", record.key[:2]).replace("KEY", record.key)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("to", ["the same", "victim", "nothing"])
def test_nothing_is_done_through_a_link(
    store: Store, made: Path, tmp_path: Path, place: str, to: str
) -> None:
    record = published(store)
    path, outside = Path(store.url) / placed(place, record), tmp_path / "outside"
    shutil.move(path, outside)
    path.symlink_to({"the same": outside}.get(to, tmp_path / to))
    before = everything(tmp_path)
    for use in READ_ONLY:
        used(store, made, use)
        assert everything(tmp_path) == before, use
    spare = tmp_path / "spare"
    shutil.copytree(store.url, spare, symlinks=True)
    before = everything(tmp_path)
    for use in list(USES)[len(READ_ONLY) :]:
        used(store, made, use)
        after = everything(tmp_path)
        changed = [name for name in before if after.get(name) != before[name]]
        assert all(may_change(use, name, record) for name in changed), use
        assert all(name.startswith("store/") for name in after.keys() - before.keys()), use
        shutil.rmtree(store.url)
        shutil.copytree(spare, store.url, symlinks=True)


def test_a_link_that_the_record_does_not_name_is_not_read_and_goes(
    store: Store, made: Path, tmp_path: Path
) -> None:
    """`from_pretrained` would read such a file, if it has the right name."""
    record, before = published(store), everything(tmp_path / "victim")
    for name, to in (("generation_config.json", "deep/secret.json"), ("assets", "deep")):
        planted = Path(store.url) / record.folder / name
        planted.symlink_to(tmp_path / "victim" / to)
        for names in (None, ["a.json"]):
            with pytest.raises(DamagedArtifact, match=f"it has a file '{name}', which its record"):
                store.fetch(STAGE.key, names)
        planted.unlink()
    planted.symlink_to(tmp_path / "victim")
    used(store, made, "verify --drop")
    assert store.find(STAGE.key) is None and not planted.is_symlink()
    assert everything(tmp_path / "victim") == before


def may_change(use: str, name: str, record: Record) -> bool:
    """What of a store with one link in it may go: the artifact with the link in it, and the link itself."""
    if use == "collect":  # what is to be kept stays
        return name.startswith("store/") and OTHER.key not in name
    if use == "verify --drop" and name == f"store/records/{record.key[:2]}":
        return True
    return name.startswith("store/") and f"/{record.key}" in name


def test_an_installer_may_make_links_of_a_package_s_files(
    store: Store, made: Path, tmp_path: Path
) -> None:
    shipped = shutil.copytree(store.url, tmp_path / "shipped")
    for path in [path for path in shipped.rglob("*") if path.is_file()]:
        path.rename(tmp_path / f"{len(list(tmp_path.iterdir()))}.cached")
        path.symlink_to(max(tmp_path.glob("*.cached"), key=lambda cached: int(cached.stem)))
    behind = Store(str(tmp_path / "new"), shipped=[shipped])
    assert behind.find(STAGE.key) == store.find(STAGE.key)
    assert (behind.fetch(STAGE.key) / "shards" / "0.csv").read_text() == "x,y\n"


def test_the_place_itself_may_be_a_link(store: Store, made: Path, tmp_path: Path) -> None:
    shutil.move(store.url, tmp_path / "big disk")
    Path(store.url).symlink_to(tmp_path / "big disk")
    store.publish(Made(9), made, {}, {})
    assert {key for key, wrong in store.verify() if wrong is None} == set(store.keys())
    store.drop(STAGE.key)
    assert store.find(STAGE.key) is None and Path(store.url).is_symlink()


def test_what_lies_there_already_is_never_written_into(
    store: Store, made: Path, tmp_path: Path
) -> None:
    """A second name of somebody's file, say, put there since the folder was made."""
    (tmp_path / "store" / "data" / "x").hardlink_to(tmp_path / "victim" / "a.json")
    with pytest.raises(UserError, match="something lies where a new file belongs"):
        store.place.put(made / "shards" / "0.csv", "data/x")
    store.place.write("data/x", b"new")
    assert (tmp_path / "victim" / "a.json").read_text() == "{}"


def test_a_link_that_comes_in_between_leads_nowhere(
    store: Store, made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The store's data becomes a link to somebody's folder after it was looked at, and before it is removed."""
    data, victim, remove = Path(store.url) / "data", tmp_path / "copy", shutil.rmtree
    shutil.copytree(data, victim)
    before = everything(victim)

    def swapped(*arguments: Any, **options: Any) -> None:
        data.rename(tmp_path / "moved")
        data.symlink_to(victim)
        remove(*arguments, **options)

    monkeypatch.setattr(shutil, "rmtree", swapped)
    record = published(store)
    store.drop(STAGE.key)
    assert data.is_symlink() and everything(victim) == before
    assert not (tmp_path / "moved" / record.folder.removeprefix("data/")).exists()
