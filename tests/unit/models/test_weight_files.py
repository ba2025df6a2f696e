"""Weights that are cut, empty, missing or something else: told in the dry run, from headers alone."""

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from raydoa.models.checkpoint_check import check_checkpoint
from tests.unit.models.broken import WEIGHTS, as_torch, cut, described, in_shards, said


def test_empty_and_truncated_weights(copy: Callable[[str], Path]) -> None:
    folder = copy("bert")
    size = (folder / WEIGHTS).stat().st_size
    cut(folder / WEIGHTS, size - 100)
    assert (
        f"truncated or damaged: it has {size - 100:,} bytes, and its header says {size:,}"
        in said(folder)
    )
    cut(folder / WEIGHTS, 50)
    assert "the header of its 50 bytes cannot be read" in said(folder)
    cut(folder / WEIGHTS, 0)
    assert f"{WEIGHTS}: empty (0 bytes); copy or save the model again" in said(folder)


def test_weights_with_more_bytes_than_the_header_says(copy: Callable[[str], Path]) -> None:
    path = copy("bert") / WEIGHTS
    size = path.stat().st_size
    path.write_bytes(path.read_bytes() + bytes(64))
    assert f"it has {size + 64:,} bytes, and its header says {size:,}" in said(path.parent)


@pytest.mark.parametrize(
    "header",
    [
        b"[" * 100_000,
        b"{}",
        b'{"a": 3}',
        b'{"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, Infinity]}}',
        b'{"a": {"dtype": "F32", "shape": [2], "data_offsets": ["x", "y"]}}',
        b'{"a": {"dtype": "F32", "shape": [-2], "data_offsets": [0, 8]}}',
    ],
    ids=["deep", "nothing", "no tensor", "endless", "no place", "no shape"],
)  # fmt: skip
def test_headers_that_say_nothing(copy: Callable[[str], Path], header: bytes) -> None:
    path = copy("bert") / WEIGHTS
    path.write_bytes(len(header).to_bytes(8, "little") + header)
    expected = "hold no tensor" if header == b"{}" else "truncated or damaged"
    assert expected in said(path.parent)


def test_a_pointer_of_git_lfs_is_no_weights(copy: Callable[[str], Path]) -> None:
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 3\n"
    folder = copy("bert")
    (folder / WEIGHTS).write_bytes(pointer)
    assert "a pointer of Git LFS, and not the weights; run git lfs pull" in said(folder)
    (folder / WEIGHTS).rename(folder / "pytorch_model.bin")
    assert "pytorch_model.bin: a pointer of Git LFS" in said(folder)


@given(share=st.floats(0, 1, exclude_max=True))
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_weights_that_are_cut_anywhere_are_told_in_a_line(
    models: dict[str, Path], tmp_path: Path, share: float
) -> None:
    content = (models["t5"] / WEIGHTS).read_bytes()
    for name in ("config.json", "tokenizer.json"):
        (tmp_path / name).write_bytes((models["t5"] / name).read_bytes())
    header = 8 + int.from_bytes(content[:8], "little")
    for end in (header, len(content)):  # A header is a small part of a file.
        (tmp_path / WEIGHTS).write_bytes(content[: int(share * end)])
        line = said(tmp_path)
        assert WEIGHTS in line and "copy or save the model again" in line


def test_shards(copy: Callable[[str], Path]) -> None:
    folder = copy("bert")
    first, second = in_shards(folder)
    check_checkpoint(folder)
    content = (folder / second).read_bytes()
    cut(folder / second, 100)
    assert f"{second}: truncated or damaged" in said(folder)
    (folder / second).unlink()
    line = said(folder)
    assert (
        f"{second}: no such file, and the index of the shards names it (1 of 2 are missing)" in line
    )
    (folder / second).write_bytes(content)
    for weight_map in ({}, ["x"], {"a": 3}, {"a": f"../{folder.name}/{first}"}):
        described(folder, f"{WEIGHTS}.index.json", weight_map=weight_map)
        assert "index.json: weight_map: expected the file of each tensor" in said(folder)
    (folder / f"{WEIGHTS}.index.json").write_text("{")
    assert "index.json: not JSON" in said(folder)


def test_of_the_hub_only_what_is_here_is_looked_at(copy: Callable[[str], Path]) -> None:
    """Of a model that is not downloaded, the cache may have the descriptions, those in its subfolders too."""
    folder = copy("t5")
    first, second = in_shards(folder)
    (folder / "checkpoint-7").mkdir()
    described(folder, "adapter_config.json", base_model_name_or_path="x")
    (folder / second).unlink()
    check_checkpoint(folder, whole=False)
    cut(folder / first, 100)
    assert f"{first}: truncated or damaged" in said(folder, whole=False)
    (folder / first).unlink()
    check_checkpoint(folder, whole=False)
    described(folder, vocab_size=30)
    assert "its embedding has 30 rows" in said(folder, whole=False)
    (folder / "config.json").unlink()
    assert "a LoRA adapter of x" in said(folder, whole=False)


@pytest.mark.parametrize("legacy", [False, True], ids=["archive", "pickle"])
def test_weights_of_torch(copy: Callable[[str], Path], legacy: bool) -> None:
    folder = copy("bert")
    path = as_torch(folder, _use_new_zipfile_serialization=not legacy)
    check_checkpoint(folder)
    if not legacy:
        cut(path, path.stat().st_size - 100)
        assert "pytorch_model.bin: truncated: it has " in said(folder)
    path.write_bytes(b"junk")
    assert "neither an archive nor a pickle, as torch.save writes them" in said(folder)
    path.write_bytes(b"")
    assert "pytorch_model.bin: empty (0 bytes); copy the model again" in said(folder)


def test_weights_under_other_names(copy: Callable[[str], Path]) -> None:
    folder = copy("bert")
    (folder / WEIGHTS).rename(folder / "weights.safetensors")
    assert "found weights.safetensors, and neither model.safetensors nor" in said(folder)
