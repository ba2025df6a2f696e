"""Places that a person has to mend: a full disk, a file where a folder should be, a bucket that nobody made."""

import os
from pathlib import Path

import fsspec
import pytest

from raydoa.errors import UserError
from raydoa.store.store import Store
from tests.contract.stored import Bytes, Made


def test_a_full_disk_is_told_and_loses_nothing(small_disk: Path, folder: Path) -> None:
    store = Store(str(small_disk / "store"))
    first = store.publish(Made(1), folder, {}, {})
    before = Bytes(store).all()
    (folder / "big.parquet").write_bytes(os.urandom(600_000))
    with pytest.raises(UserError, match=r"disk/store: no space left .* gc .* make room") as caught:
        store.publish(Made(2), folder, {}, {})
    assert "\n" not in str(caught.value)
    assert Bytes(store).all() == before
    assert list(store.verify()) == [(first.key, None)]
    (folder / "big.parquet").unlink()
    store.publish(Made(2), folder, {}, {})  # goes on once there is space


def test_a_disk_too_full_for_the_record(small_disk: Path, tmp_path: Path) -> None:
    store = Store(str(small_disk / "store"))
    store.prepare()
    (tmp_path / "empty").mkdir()
    filler = small_disk / "filler"
    with filler.open("wb", buffering=0) as stream, pytest.raises(OSError):
        while True:
            stream.write(bytes(4096))
    with pytest.raises(UserError, match="no space left"):
        store.publish(Made(1), tmp_path / "empty", {"note": "x" * 5000}, {})
    assert Bytes(store).all() == {"store.json"}
    filler.unlink()
    store.publish(Made(1), tmp_path / "empty", {"note": "x" * 5000}, {})


def test_a_full_cache_is_told(small_disk: Path, s3_bucket: str, tmp_path: Path) -> None:
    (tmp_path / "big").mkdir()
    (tmp_path / "big" / "big.parquet").write_bytes(os.urandom(900_000))
    store = Store(f"s3://{s3_bucket}/full", cache_dir=small_disk / "cache")
    store.publish(Made(1), tmp_path / "big", {}, {})
    with pytest.raises(UserError, match=r"disk/cache.*no space left"):
        store.fetch(Made(1).key)
    assert not [path for path in (small_disk / "cache").rglob("*") if path.is_file()]


def test_places_that_cannot_be_used(
    s3_bucket: str, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    for bad, message in {
        str(tmp_path / "file"): "a file is where a folder is needed",
        "nosuch://place": "not a store that fsspec can open: .*nosuch",
        "abfs://container/x": "needs another package",
        "s3://nobody-made-this-bucket/x": "create the bucket first",
    }.items():
        with pytest.raises(UserError, match=message) as caught:
            Store(bad).prepare()
        assert str(caught.value).startswith(bad) and "\n" not in str(caught.value)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    fsspec.get_filesystem_class("s3").clear_instance_cache()
    with pytest.raises(UserError, match="cannot be reached"):
        Store(f"s3://{s3_bucket}/x").find(Made(1).key)
    fsspec.get_filesystem_class("s3").clear_instance_cache()


def test_a_relative_path_means_the_folder_it_was_made_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    store = Store("here/store")
    assert store.url == str(tmp_path / "here" / "store")
    assert Store(f"file://{tmp_path}/here/store").url == store.url
