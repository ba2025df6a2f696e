"""`raydoa store` over a store with odd things in it: a line for each, the rest goes on, and by command they go."""

import json
import os
import shutil
import socket
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from raydoa.cli import main
from raydoa.store.names import record_path
from raydoa.store.record import Record
from raydoa.store.store import Store
from tests.contract.stored import Made, forged
from tests.unit.cli.conftest import Ran, Run

DAMAGED, *GOOD = Made(1), Made(2), Made(3)


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with three artifacts of one file."""
    folder = tmp_path_factory.mktemp("filled")
    (folder / "made").mkdir()
    (folder / "made" / "a.json").write_text("{}")
    store = Store(str(folder / "store"))
    for stage in (DAMAGED, *GOOD):
        store.publish(stage, folder / "made", {"score": 0.5}, {})
    store.keep_plan("a-plan", {"id": "a-plan"})
    return folder / "store"


@pytest.fixture
def store(filled: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(filled, tmp_path / "store"))


def published(store: Path) -> Record:
    record = Store(str(store)).find(DAMAGED.key)
    assert record is not None
    return record


def written(content: bytes) -> Callable[[Path, Record], None]:
    return lambda path, record: path.write_bytes(content) and None


def saying(**changes: Any) -> Callable[[Path, Record], None]:
    return lambda path, record: path.write_bytes(forged(record, **changes)) and None


def folder_with_a_file(path: Path, record: Record) -> None:
    path.unlink()
    (path / "deep").mkdir(parents=True)
    (path / "deep" / "x.json").write_text("x")


def empty_folder(path: Path, record: Record) -> None:
    path.unlink()
    path.mkdir()


def link(path: Path, record: Record) -> None:
    aside = path.parents[3] / "aside.json"
    path.rename(aside)
    path.symlink_to(aside)


def pipe(path: Path, record: Record) -> None:
    path.unlink()
    os.mkfifo(path)


def unix_socket(path: Path, record: Record) -> None:
    path.unlink()
    here = Path.cwd()
    os.chdir(path.parent)  # a socket's path has 107 bytes at most
    try:
        with socket.socket(socket.AF_UNIX) as opened:
            opened.bind(path.name[:40])
        Path(path.name[:40]).rename(path)
    finally:
        os.chdir(here)


ODD: dict[str, Callable[[Path, Record], None]] = {
    "no JSON": written(b"{"),
    "empty": written(b""),
    "deep JSON": written(b"[" * 100_000),
    "deep JSON in a field": written(b'{"schema": 1, "facts": ' + b'{"a":' * 100_000),
    "no UTF-8": written(b"\xff\xfe\xfa"),
    "no object": written(b"[1, 2]"),
    "odd fields": written(b'{"schema": 1, "a\\nb\\u001b[2J\\ud800": 1}'),
    "another's": saying(key=GOOD[0].key),
    "files a list": saying(files=["a.json"]),
    "created_at a number": saying(created_at=1e9),
    "inputs a string": saying(inputs="x"),
    "a negative size": saying(files={"a.json": {"sha256": "0" * 64, "bytes": -1}}),
    "a huge size": saying(files={"a.json": {"sha256": "0" * 64, "bytes": 2**70}}),
    "kind nothing": saying(kind=None),
    "facts a number": saying(facts=3),
    "another's folder": saying(folder=f"data/{GOOD[0].key[:2]}/{GOOD[0].key}/20250601T120000Z-0123456789ab"),
    "a folder outside": saying(folder="../aside"),
    "a folder with a file": folder_with_a_file,
    "an empty folder": empty_folder,
    "a symbolic link": link,
    "a pipe": pipe,
    "a socket": unix_socket,
}  # fmt: skip
"""What may lie where the record of an artifact should."""


def everything(folder: Path) -> dict[str, object]:
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else path.lstat().st_mode
        for path in folder.rglob("*")
    }


@pytest.mark.parametrize("odd", ODD)
def test_an_odd_record_is_a_line_and_can_be_dropped(run: Run, store: Path, odd: str) -> None:
    path = store / record_path(DAMAGED.key)
    ODD[odd](path, published(store))
    before = everything(store.parent)
    listed = run("store", "ls", store)
    lines = listed.out.splitlines()
    assert listed.code == 0 and len(lines) == 4 and lines[-1].startswith("2 artifacts, 4 B, in ")
    assert [line for line in lines if line.startswith(f"{DAMAGED.key[:12]}  DAMAGED: its record")]
    checked = run("store", "verify", store)
    [line] = checked.out.splitlines()
    assert (
        checked.code == 2 and line.startswith(f"{DAMAGED.key}  its record ") and line.isprintable()
    )
    assert (
        "1 of 3 artifacts damaged; drop them with" in checked.err and checked.err.count("\n") == 1
    )
    assert run("store", "gc", store, "--older-than-hours", 0).out.startswith("0 things, ")
    assert everything(store.parent) == before
    dropped = run("store", "verify", store, "--drop")
    assert dropped.code == 0 and dropped.out.splitlines()[0] == f"{line}; dropped"
    assert not path.exists() and not path.is_symlink()
    after, record = everything(store.parent), str(path.relative_to(store.parent))
    assert after.items() <= before.items()
    assert all(name.startswith(record) for name in before.keys() - after.keys())
    assert run("store", "verify", store).out == f"2 artifacts read, 0 damaged, in {store}\n"


def test_what_is_no_record_is_a_line_and_can_be_dropped(
    run: Run, store: Path, tmp_path: Path
) -> None:
    records, key = store / "records", GOOD[0].key
    (tmp_path / "aside").mkdir()
    (tmp_path / "aside" / "x").write_text("x")
    (records / "README.txt").write_text("x")
    (records / key[:2] / "a\nb\x1b[2J.json").write_text("x")
    (records / key[:2] / f"{key.upper()}.json").write_text("x")
    (records / "zz").mkdir()
    (records / "zz" / f"{key}.json").write_bytes((store / record_path(key)).read_bytes())
    (records / key[:2] / "\udcff").symlink_to(tmp_path / "aside")
    (records / "ff").symlink_to(tmp_path / "aside")
    (records / key[:2] / ".nfs0123").write_text("somebody's, open")
    before = everything(tmp_path)
    lines = run("store", "ls", store).out.splitlines()
    assert len(lines) == 3 + 6 + 1 and all(line.isprintable() for line in lines)
    assert (
        len([line for line in lines if "  DAMAGED: a symbolic link among the records" in line]) == 2
    )
    assert (
        f"records/{key[:2]}/a\\nb\\x1b[2J.json  DAMAGED: a file among the records that is none"
        in lines
    )
    checked = run("store", "verify", store)
    assert checked.code == 2 and len(checked.out.splitlines()) == 6
    assert (
        "0 of 3 artifacts damaged, and 6 things among the records that are none; drop"
        in checked.err
    )
    refused = run("store", "gc", store, "--older-than-hours", 0)
    assert (
        refused.code == 2 and "records/ff: a symbolic link, and what it should hold" in refused.err
    )
    assert everything(tmp_path) == before
    assert run("store", "verify", store, "--drop").code == 0
    after = everything(tmp_path)
    assert len(before) - len(after) == 6 and after.items() <= before.items()
    assert (tmp_path / "aside" / "x").exists() and (records / key[:2] / ".nfs0123").exists()
    assert run("store", "verify", store).code == 0


def test_a_record_of_a_newer_raydoa_is_a_line_and_stays(run: Run, store: Path) -> None:
    path = store / record_path(DAMAGED.key)
    path.write_text(json.dumps({"schema": 99, "something": "new"}))
    (store / record_path(GOOD[0].key)).write_text("{")
    before = everything(store)
    listed = run("store", "ls", store)
    assert listed.code == 0 and "1 artifact, 2 B, in" in listed.out
    assert (
        f"{DAMAGED.key[:12]}  NEWER: {store}/{record_path(DAMAGED.key)}: written with store schema 99"
        in listed.out
    )
    refused = run("store", "gc", store, "--older-than-hours", 0)
    assert refused.code == 2 and "store schema 99" in refused.err
    assert everything(store) == before
    ran = run("store", "verify", store, "--drop")
    assert ran.code == 2 and "1 of 3 artifacts cannot be read" in ran.err
    assert before.items() - everything(store).items() == {(record_path(GOOD[0].key), b"{")}
    assert path.exists()


@pytest.mark.parametrize("command", [["ls"], ["verify"], ["verify", "--drop"], ["gc"]])
@pytest.mark.parametrize(
    "mark", [b"", b"{", b"[" * 100_000, b"1" * 5000, b'{"schema": true}', b'{"schema": 0}', b'{"schema": -1}',
             b'{"schema": 1e0}', b"\xff\xfa", None]
)  # fmt: skip
def test_a_store_without_a_good_mark_is_left_alone(
    run: Run, store: Path, command: list[str], mark: bytes | None
) -> None:
    if mark is None:
        (store / "store.json").unlink()
        (store / "store.json").mkdir()
    else:
        (store / "store.json").write_bytes(mark)
    before = everything(store)
    ran = run("store", command[0], store, *command[1:])
    said = "a folder is where a file is needed" if mark is None else "not the mark of a store"
    assert ran.code == 2 and said in ran.err and ran.err.count("\n") == 1
    assert everything(store) == before


def ran(*arguments: str) -> Ran:
    with redirect_stdout(StringIO()) as out, redirect_stderr(StringIO()) as err:
        code = main(list(arguments))
    return Ran(code, out.getvalue(), err.getvalue())


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3)
    ),
    max_leaves=5,
)


@st.composite
def damage(draw: st.DrawFn) -> Callable[[Path], None]:
    """Change one small file of a store: bytes, or a value with the digest that belongs to it."""
    which = draw(st.sampled_from([record_path(DAMAGED.key), "store.json", "plans/a-plan.json"]))
    if which.startswith("records") and draw(st.booleans()):
        name = draw(
            st.sampled_from(
                ["kind", "version", "config", "inputs", "files", "facts", "created_at", "folder"]
            )
        )
        value = draw(
            json_values.filter(lambda value: "nan" not in repr(value) and "inf" not in repr(value))
        )
        return lambda store: say(store, {name: value})
    start, removed, added = (
        draw(st.integers(0, 900)),
        draw(st.integers(0, 40)),
        draw(st.binary(max_size=20)),
    )

    def spoil(store: Path) -> None:
        content = (store / which).read_bytes()
        (store / which).write_bytes(content[:start] + added + content[start + removed :])

    return spoil


def say(store: Path, changes: dict[str, Any]) -> None:
    (store / record_path(DAMAGED.key)).write_bytes(forged(published(store), **changes))


@settings(max_examples=40, deadline=None)
@given(spoil=damage())
def test_whatever_is_damaged_a_command_ends_well_and_only_that_goes(
    filled: Path, spoil: Callable[[Path], None]
) -> None:
    with TemporaryDirectory() as folder:
        store = Path(shutil.copytree(filled, f"{folder}/store"))
        spoil(store)
        before = everything(store)
        for command in (["ls"], ["verify"], ["gc"]):
            said = ran("store", command[0], str(store))
            assert said.code in (0, 2) and said.err.count("\n") <= 1
            assert all(line.isprintable() for line in (said.out + said.err).splitlines())
            assert len((said.out + said.err).splitlines()) <= 4
            assert everything(store) == before
        said = ran("store", "verify", str(store), "--drop")
        named = [line.split()[0] for line in said.out.splitlines() if line.endswith("; dropped")]
        assert said.code in (0, 2) and len(named) <= 1
        gone = before.keys() - everything(store).keys()
        assert (record_path(DAMAGED.key) in gone) == bool(named)
        assert all(DAMAGED.key in name for name in gone)  # its data only if the record is good
        assert everything(store).items() <= before.items()
