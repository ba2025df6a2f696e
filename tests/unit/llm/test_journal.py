"""A journal keeps what was paid for, and loses nothing in silence."""

import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from raydoa.errors import UserError
from raydoa.llm.answer import Answer
from raydoa.llm.journal import DamagedJournal, Journal, Unanswered
from raydoa.llm.segment import Asked, Segment, head, parse_segment, to_line
from raydoa.llm.segment_writers import _Objects
from raydoa.llm.tokens import Usage
from raydoa.store.store import Store

QUESTION = "ab" * 32


def answer(number: int, cost: int = 4, **changes: Any) -> Answer:
    one = Answer(f"key{number}", f"row{number}", "answered", "yes", "", (("yes", -0.1),), Usage(5, 2, 1), cost, 1e9 + number)  # fmt: skip
    return replace(one, **changes)


@pytest.fixture(params=["folder", "objects"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    return Store(
        str(tmp_path / "store") if request.param == "folder" else f"memory://{uuid4().hex}"
    )


@pytest.fixture
def journal(store: Store) -> Journal:
    return Journal.of(store, "wlp", QUESTION)


@pytest.fixture
def objects() -> Journal:
    """A journal behind a URL."""
    return Journal.of(Store(f"memory://{uuid4().hex}"), "wlp", QUESTION)


def fresh(journal: Journal) -> Journal:
    return Journal(journal.store, journal.folder)


def test_what_was_told_is_there(journal: Journal) -> None:
    assert journal.answers() == {} and journal.unanswered() == []
    with journal.writer("w1", "me") as writer:
        assert fresh(journal).answers() == {} and fresh(journal).spent("w1") == 0
        writer.asked("key1", 10)
        assert fresh(journal).unanswered() == [Unanswered("key1", "w1", 10)]
        writer.asked("key2", 10)
        writer.keep(answer(1))
        for told in (journal, fresh(journal)):
            assert told.answers() == {"key1": answer(1)}
            assert told.unanswered() == [Unanswered("key2", "w1", 10)]
            assert told.spent("w1") == 14 and told.spent("w2") is None
        writer.keep(answer(2, state="failed", reason="500", top=(), micro_usd=0))
    assert journal.unanswered() == [] and journal.spent("w1") == 4
    assert Journal.of(journal.store, "wlp", "cd" * 32).answers() == {}


def test_an_answer_covers_all_calls_for_it(journal: Journal) -> None:
    """The first of three was lost on its way back, and may have been billed."""
    with journal.writer("w1", "me") as writer:
        for _ in range(3):
            writer.asked("key1", 10)
        assert journal.spent("w1") == 30
        writer.keep(answer(1, 24))
    assert journal.spent("w1") == 24


def test_the_first_answer_counts(journal: Journal, caplog: pytest.LogCaptureFixture) -> None:
    late, early = answer(1, 7, text="no", asked_at=2e9), answer(1, 4, asked_at=1e9)
    failed = answer(1, 9, text="", state="failed", asked_at=1.0)
    for writer, one in (("w1", failed), ("w2", late)):
        with journal.writer(writer, "me") as writing:
            writing.asked("key1", 10)
            writing.keep(one)
    assert journal.answers() == {"key1": late} and not caplog.text
    with journal.writer("w0", "me") as writing, caplog.at_level(logging.WARNING):
        writing.keep(early)
        writing.keep(replace(early, text="perhaps", asked_at=3e9))
        assert journal.answers() == {"key1": early}
    assert "1 requests were answered more than once; the first answers count, the others cost $0.000011" in caplog.text  # fmt: skip
    assert sum(journal.spent(one) or 0 for one in ("w0", "w1", "w2")) == 9 + 7 + 4 + 4


def test_a_writer_has_a_segment_of_its_own(journal: Journal) -> None:
    with journal.writer("w1", "me"):
        for whom in ("me", "you"):
            with pytest.raises(UserError):
                journal.writer("w1", whom)


def test_many_threads(journal: Journal) -> None:
    together = threading.Barrier(32)
    with journal.writer("w1", "me") as writer:

        def call(number: int) -> None:
            together.wait()
            for more in range(4):
                writer.asked(f"key{number * 4 + more}", 10)
                writer.keep(answer(number * 4 + more))

        with ThreadPoolExecutor(32) as pool:
            list(pool.map(call, range(32)))
    assert journal.answers() == {f"key{n}": answer(n) for n in range(128)}
    assert journal.spent("w1") == 128 * 4 and journal.unanswered() == []


def test_what_is_written_together_shares_an_object(
    objects: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal, place = objects, objects.store.place
    with journal.writer("w1", "me") as writer:
        create, begun, go = place.create, threading.Event(), threading.Event()

        def slow(path: str, content: bytes) -> bool:
            begun.set()
            assert go.wait(60)
            return create(path, content)

        monkeypatch.setattr(place, "create", slow)
        with ThreadPoolExecutor(20) as pool:
            first = pool.submit(writer.asked, "key0", 10)
            assert begun.wait(60)
            others = [pool.submit(writer.keep, answer(n)) for n in range(1, 20)]
            assert isinstance(writer, _Objects)
            while len(writer._waiting) < 20:
                pass
            assert not any(one.done() for one in (first, *others))
            go.set()
    assert len(journal.store.place.listing(journal.folder)) == 3  # head, key0, the others
    assert len(fresh(journal).answers()) == 19


@pytest.mark.parametrize("arrived", [False, True])
def test_a_write_that_failed_is_made_up_for(
    objects: Journal, arrived: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Behind a URL, nobody knows whether what failed has arrived."""
    journal, place = objects, objects.store.place
    with journal.writer("w1", "me") as writer:
        create = place.create

        def fail(path: str, content: bytes) -> bool:
            if arrived:
                create(path, content)
            raise UserError("cannot be reached")

        with monkeypatch.context() as patched, pytest.raises(UserError):
            patched.setattr(place, "create", fail)
            writer.asked("key1", 10)
        writer.asked("key2", 20)
        writer.keep(answer(2))
    assert fresh(journal).unanswered() == [Unanswered("key1", "w1", 10)]
    assert fresh(journal).spent("w1") == 14


# Damage


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A segment in a folder, of three calls with two answers."""
    journal = Journal.of(Store(str(tmp_path / "s")), "wlp", QUESTION)
    with journal.writer("w1", "me") as writer:
        for number in (1, 2, 3):
            writer.asked(f"key{number}", 10)
        writer.keep(answer(1))
        writer.keep(answer(2))
    return tmp_path / "s" / journal.folder / "w1.jsonl"


def read(file: Path) -> Journal:
    return Journal.of(Store(str(file.parents[3])), "wlp", QUESTION)


def test_a_torn_last_line(file: Path, caplog: pytest.LogCaptureFixture) -> None:
    content = file.read_bytes()
    whole = len(content.rstrip(b"\n").rpartition(b"\n")[0]) + 1
    for cut in (*range(whole, len(content), 9), len(content) - 1):
        file.write_bytes(content[:cut])
        assert read(file).answers() == {"key1": answer(1)}
        assert read(file).spent("w1") == 4 + 2 * 10
    assert "w1.jsonl: its last line is torn: an answer was lost as its process died" in caplog.text


def lines_changed(change: Callable[[list[bytes]], object]) -> Callable[[Path], object]:
    def do(file: Path) -> None:
        lines = file.read_bytes().splitlines(keepends=True)
        change(lines)
        file.write_bytes(b"".join(lines))

    return do


def _set(number: int, line: bytes) -> Callable[[Path], object]:
    return lines_changed(lambda lines: lines.__setitem__(number - 1, line))


FORGED = to_line(replace(answer(1), micro_usd=-5))
DAMAGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "a flipped byte": (_set(5, b"0" * 16 + b" {}\n"), r"w1.jsonl: line 5: does not match its checksum \(before it: 0 answers for \$0.00003\)"),
    "in the last line": (lines_changed(lambda at: at.__setitem__(5, at[5][:-2] + b"]\n")), r"line 6: does not match .* 1 answers for \$0.000024"),
    "torn in the middle": (lines_changed(lambda at: at.__setitem__(2, at[2][:40])), "line 3: does not match"),
    "an empty line": (_set(3, b"\n"), "line 3: does not match"),
    "without its head": (lines_changed(lambda at: at.pop(0)), "line 1: 'schema'"),
    "another's": (lambda f: f.rename(f.with_name("w2.jsonl")), "w2.jsonl: line 1: begins as another's"),
    "two heads": (_set(3, head("w1", "me")), "line 3: none of asked, not_billed, answer"),
    "less than nothing": (_set(5, FORGED), "line 5: -5 is where a count belongs"),
    "a stranger": (lambda f: (f.parent / "notes.txt").write_text(""), "notes.txt: a file that is no segment"),
    "a link": (lambda f: (f.parent / "w9.jsonl").symlink_to(f), "w9.jsonl: a symbolic link that is no segment"),
    "a folder": (lambda f: (f.parent / "w9.jsonl").mkdir() or (f.parent / "w9.jsonl" / "x").write_text(""), "w9.jsonl/x: a file that is no segment"),
}  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage(file: Path, damage: str) -> None:
    do, said = DAMAGES[damage]
    do(file)
    for use in (lambda j: j.answers(), lambda j: j.unanswered(), lambda j: j.spent("w1")):
        with pytest.raises(DamagedJournal, match=said) as caught:
            use(read(file))
        assert "\n" not in str(caught.value) and "answers that were paid for" in str(caught.value)


def test_objects_that_are_missing_or_cut(tmp_path: Path) -> None:
    """A segment of objects, as it is when somebody has copied a bucket to a disk."""
    store = Store(str(tmp_path))
    folder = tmp_path / Journal.of(store, "wlp", QUESTION).folder / "w1"
    folder.mkdir(parents=True)
    for number, content in enumerate(
        [head("w1", "me"), to_line(Asked("key1", 10)), to_line(answer(1))], 1
    ):
        (folder / f"{number:08d}.jsonl").write_bytes(content)
    assert Journal.of(store, "wlp", QUESTION).answers() == {"key1": answer(1)}
    whole = (folder / "00000003.jsonl").read_bytes()
    (folder / "00000003.jsonl").write_bytes(whole[:-9])
    with pytest.raises(DamagedJournal, match=r"w1/00000003.jsonl: its end is missing"):
        Journal.of(store, "wlp", QUESTION).answers()
    (folder / "00000003.jsonl").write_bytes(whole)
    (folder / "00000002.jsonl").unlink()
    with pytest.raises(
        DamagedJournal, match=r"w1/00000002.jsonl: missing, but w1/00000003.jsonl is"
    ):
        Journal.of(store, "wlp", QUESTION).answers()


def test_a_newer_schema_is_no_damage(file: Path) -> None:
    from raydoa.llm.segment import checked_line

    _set(1, checked_line({"schema": 2}))(file)
    with pytest.raises(
        UserError, match=r"w1.jsonl: written with journal schema 2, .* upgrade"
    ) as caught:
        read(file).answers()
    assert not isinstance(caught.value, DamagedJournal)


@pytest.mark.parametrize("task, question", [("../x", QUESTION), ("wlp", "../" * 21 + "x"), ("", QUESTION), ("wlp", "AB" * 32)])  # fmt: skip
def test_names(tmp_path: Path, task: str, question: str) -> None:
    with pytest.raises(UserError, match="no journal; expected answers/TASK/QUESTION"):
        Journal.of(Store(str(tmp_path)), task, question)


TEXT = st.text(st.characters(codec=None, exclude_categories=()), max_size=40)
ANSWERS = st.builds(
    Answer, TEXT, TEXT, st.sampled_from(["answered", "cut_off", "filtered", "failed"]), TEXT, TEXT,
    st.lists(st.tuples(TEXT, st.floats(max_value=0, allow_nan=False)), max_size=3).map(tuple),
    st.builds(Usage, *[st.integers(0, 2**70)] * 3), st.integers(0, 2**70), st.floats(0, 1e10),
)  # fmt: skip


@given(st.lists(ANSWERS | st.builds(Asked, TEXT, st.integers(0, 2**70)), max_size=8))
def test_whatever_text_comes_back(lines: list[Answer | Asked]) -> None:
    content = head("w1", "me") + b"".join(map(to_line, lines))
    assert content.count(b"\n") == len(lines) + 1
    expected = Segment()
    for line in lines:
        expected.take(line)
    assert parse_segment(content, "w1", "x") == expected
    asked = sum(line.micro_usd for line in lines)
    assert expected.spent <= asked


@given(st.binary(max_size=200))
def test_any_bytes(content: bytes) -> None:
    from raydoa.llm.segment import BadLine

    try:
        segment = parse_segment(content + b"\n", "w1", "x")
    except BadLine:
        return
    raise AssertionError(segment)
