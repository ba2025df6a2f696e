"""Whoever can write a checkpoint can write any manifest: it is one, or the checkpoint is unusable; nothing outside is opened."""

import builtins
import hashlib
import io
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from raydoa.on_ray.group_notes import (
    Progress,
    checkpoint_facts,
    read_progress,
    write_progress,
)
from raydoa.store.key import canonical_json
from raydoa.training.manifest import (
    MANIFEST_FILE,
    Manifest,
    UnusableCheckpoint,
    check_files,
    check_no_others,
    read_manifest,
    write_manifest,
)

_FACTS = {"seconds": 1.5, "workers": 1, "losses": [2.0, 1.0], "micro_batch_size": 2}
_quick = settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
_SECRET = "../secret"
_NAMES = ("weights", _SECRET, "/etc/passwd", "..", ".", "", "a/b", "\ud800", "link", MANIFEST_FILE)
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(_NAMES),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text() | st.sampled_from(_NAMES), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip
measured = st.fixed_dictionaries(
    {},
    optional={
        "sha256": anything | st.just("0" * 64),
        "bytes": anything,
        "more": anything,
    },
)
_GOOD = {"sha256": hashlib.sha256(b"0123456789").hexdigest(), "bytes": 10}
_files = st.just({"weights": _GOOD}) | st.dictionaries(
    st.sampled_from(_NAMES) | st.text(), measured | st.just(_GOOD) | anything, max_size=3
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A good checkpoint, beside a file that is no part of it."""
    (tmp_path / "secret").write_text("secret")
    made = tmp_path / "steps-1"
    made.mkdir()
    (made / "weights").write_bytes(b"0123456789")
    write_manifest(made, _FACTS)
    return made


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """Whatever this process opens, by its real path."""
    seen: list[str] = []
    real_open, real_io = os.open, builtins.open

    def note(path: Any, *args: Any, dir_fd: int | None = None, **kwargs: Any) -> int:
        handle = real_open(path, *args, dir_fd=dir_fd, **kwargs)
        seen.append(str(Path(f"/proc/self/fd/{handle}").readlink()))
        return handle

    def note_io(file: Any, *args: Any, **kwargs: Any) -> Any:
        stream = real_io(file, *args, **kwargs)
        seen.append(str(Path(f"/proc/self/fd/{stream.fileno()}").readlink()))
        return stream

    monkeypatch.setattr(os, "open", note)
    monkeypatch.setattr(builtins, "open", note_io)
    monkeypatch.setattr(io, "open", note_io)
    return seen


def signed(**body: Any) -> str:
    """A manifest's text with the digest that belongs to it, or with none where it can have none."""
    try:
        digest = hashlib.sha256(canonical_json(body).encode()).hexdigest()
    except ValueError:
        digest = "none"
    return json.dumps(body | {"digest": digest})


def used(folder: Path) -> Mapping[str, Any] | None:
    """All that is done with a checkpoint before its weights are loaded; None if it was found to be unusable."""
    try:
        manifest = read_manifest(folder)
        assert isinstance(manifest, Manifest)
        check_files(folder, manifest)
        check_no_others(folder, {*manifest.files, MANIFEST_FILE})
        checkpoint_facts(manifest.facts)
    except UnusableCheckpoint as why:
        assert str(why).isprintable() and len(str(why)) < 300
        return None
    return manifest.facts


def stays_inside(opened: list[str], folder: Path) -> bool:
    inside = {str(folder), *(str(path) for path in folder.iterdir())}
    return set(opened) <= inside | {str(folder.parent)}


@_quick
@given(
    files=_files | anything,
    facts=st.just(_FACTS) | anything,
    more=st.just({}) | st.dictionaries(st.text(), anything, max_size=1),
)
@example(files={"link": _GOOD}, facts=_FACTS, more={})
@example(files={_SECRET: _GOOD}, facts=_FACTS, more={})
def test_any_fields_with_a_right_digest(
    folder: Path, opened: list[str], files: Any, facts: Any, more: dict[str, Any]
) -> None:
    (folder / "link").unlink(missing_ok=True)
    (folder / "link").symlink_to(folder.parent / "secret")
    (folder / MANIFEST_FILE).write_text(signed(**{**more, "files": files, "facts": facts}))
    opened.clear()
    assert used(folder) is None, "it has a link, which no manifest can name"
    (folder / "link").unlink()
    assert used(folder) is None or files.keys() == {"weights"}
    assert stays_inside(opened, folder)


@_quick
@given(name=st.sampled_from(sorted(_FACTS)), value=anything)
def test_any_fact_with_a_right_digest(folder: Path, name: str, value: Any) -> None:
    (folder / MANIFEST_FILE).unlink()
    try:
        write_manifest(folder, {**_FACTS, name: value})
    except ValueError:  # a NaN, say, that no JSON of ours holds
        (folder / MANIFEST_FILE).write_text(signed(files={}, facts={**_FACTS, name: value}))
    facts = used(folder)
    assert facts is None or all(type(loss) is float for loss in facts["losses"])
    assert facts is None or all(facts[name] > 0 for name in ("workers", "micro_batch_size"))


@_quick
@given(data=st.data())
def test_any_damage_to_the_bytes(folder: Path, opened: list[str], data: st.DataObject) -> None:
    path = folder / MANIFEST_FILE
    good = path.read_bytes()
    at = data.draw(st.integers(0, len(good) - 1))
    cut = data.draw(st.integers(at, len(good)))
    damaged = good[:at] + data.draw(st.binary(max_size=8)) + good[cut:]
    path.write_bytes(damaged)
    opened.clear()
    facts = used(folder)
    path.write_bytes(good)
    assert facts is None or facts == _FACTS
    assert stays_inside(opened, folder)


@pytest.mark.parametrize("name", ["weights", MANIFEST_FILE, "steps-1"])
def test_no_link_is_read(folder: Path, name: str) -> None:
    path = folder if name == "steps-1" else folder / name
    path.rename(folder.parent / "aside")
    path.symlink_to(folder.parent / "aside")
    assert used(folder) is None


def test_a_good_one_may_have_what_nfs_leaves(folder: Path) -> None:
    (folder / ".nfs0000000000000a1b00000001").touch()
    assert used(folder) == _FACTS
    (folder / "rank-1.safetensors").touch()
    assert used(folder) is None


_NOTED = {"steps": 7, "steps_repeated": 2, "device_seconds": 3.5}


@_quick
@given(name=st.sampled_from([*_NOTED, "more"]), value=anything)
def test_progress_is_counted_with_or_forgotten(folder: Path, name: str, value: Any) -> None:
    (folder / "progress.json").write_text(json.dumps({**_NOTED, name: value}))
    seen = read_progress(folder)
    assert seen == Progress() or {**vars(seen)} == {**_NOTED, name: value}
    assert all(0 <= number < 2**63 for number in (seen.steps, seen.steps_repeated))
    assert 0 <= seen.device_seconds < float("inf")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "[" * 100_000,
        '{"steps": 1e400, "steps_repeated": 0, "device_seconds": 1.0}',
        '{"steps": 1, "steps_repeated": 0, "device_seconds": NaN}',
        '{"steps": 1, "steps_repeated": 0, "device_seconds": -1.0}',
        '{"steps": true, "steps_repeated": 0, "device_seconds": 1.0}',
    ],
)
def test_broken_progress_is_said(folder: Path, text: str, caplog: pytest.LogCaptureFixture) -> None:
    (folder / "progress.json").write_text(text)
    assert read_progress(folder) == Progress()
    [told] = caplog.messages
    assert told.endswith(
        "progress.json: cannot be read (no progress of a training); its seconds are lost"
    )


def test_progress_goes_through_no_link(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    secret, noted = folder.parent / "secret", Progress(7, 2, 3.5)
    for name in ("progress.json", "progress.tmp"):
        (folder / name).symlink_to(secret)
    secret.write_text(json.dumps(_NOTED))
    assert read_progress(folder) == Progress() and "a symbolic link is where" in caplog.text
    secret.write_text("secret")
    write_progress(folder, noted)
    assert read_progress(folder) == noted
    assert secret.read_text() == "secret" and not (folder / "progress.json").is_symlink()
