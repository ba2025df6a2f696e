"""Where checkpoints are, and what they are exactly: folders, and the hub as it is without a network."""

from pathlib import Path
from types import SimpleNamespace

import httpx2
import pytest
import torch
from huggingface_hub.errors import HfHubHTTPError
from safetensors.torch import load_file

from raydoa.errors import Unreachable, UserError
from raydoa.models.hub import (
    checkpoint_folder,
    folder_fingerprint,
    locate,
)
from tests.unit.checkpoints import write_checkpoint

COMMIT = "a" * 40
NAME = "someone/t5"


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of the hub, and no network."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    return tmp_path / "hub" / "models--someone--t5"


def downloaded(cache: Path) -> Path:
    (cache / "refs").mkdir(parents=True)
    (cache / "refs" / "main").write_text(COMMIT)
    return write_checkpoint(cache / "snapshots" / COMMIT)


def as_torch(folder: Path) -> None:
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()


def test_a_folder_by_path_or_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write_checkpoint(tmp_path / "m")
    found = locate("mine", str(folder))
    assert found.place == str(folder) and found.fingerprint == folder_fingerprint(folder)
    assert locate(str(folder), None) == found
    monkeypatch.chdir(tmp_path)
    assert locate("./m", None) == found
    assert checkpoint_folder(found.place) == checkpoint_folder(found.place, weights=False) == folder


def test_a_fingerprint_is_of_content_not_of_place(tmp_path: Path) -> None:
    one, two = write_checkpoint(tmp_path / "1"), write_checkpoint(tmp_path / "2")
    assert folder_fingerprint(one) == folder_fingerprint(two)
    (one / "README.md").write_text("hello")
    assert folder_fingerprint(one) == folder_fingerprint(two)
    (one / "tokenizer_config.json").write_text("{}")
    assert folder_fingerprint(one) != folder_fingerprint(two)


def test_weights_of_torch_count_where_there_are_no_others(tmp_path: Path) -> None:
    folder = write_checkpoint(tmp_path / "m")
    before = folder_fingerprint(folder)
    (folder / "pytorch_model.bin").write_bytes(b"unread")
    assert folder_fingerprint(folder) == before
    as_torch(folder)
    assert folder_fingerprint(folder) != before
    (folder / "pytorch_model.bin").unlink()
    with pytest.raises(
        UserError, match=r"no weights; expected \*.safetensors or pytorch_model\*.bin"
    ):
        folder_fingerprint(folder)


def test_folders_that_are_not_there(tmp_path: Path) -> None:
    for name, place in (
        ("x", str(tmp_path / "gone")),
        (str(tmp_path / "gone"), None),
        ("./gone", None),
    ):
        with pytest.raises(Unreachable, match="no folder .*gone"):
            locate(name, place)


def test_names_that_no_model_can_have() -> None:
    for name in ("two words", "a/b/c", "-x-", "nano_s="):
        with pytest.raises(UserError, match="neither a folder nor a name that the hub can have"):
            locate(name, None)


def test_the_hub_out_of_reach(cache: Path) -> None:
    with pytest.raises(
        Unreachable,
        match="model someone/t5: the hub cannot be reached .* --model someone/t5=FOLDER",
    ):
        locate(NAME, None)


@pytest.mark.parametrize("torch_weights", [False, True])
def test_what_was_downloaded_before_is_found_without_the_hub(
    cache: Path, torch_weights: bool
) -> None:
    folder = downloaded(cache)
    if torch_weights:
        as_torch(folder)
    found = locate(NAME, None)
    assert found.fingerprint == COMMIT and found.place == f"{NAME}@{COMMIT}"
    assert checkpoint_folder(found.place) == checkpoint_folder(found.place, weights=False) == folder


def test_a_description_is_not_a_model(cache: Path) -> None:
    """Configuration and tokenizer alone, as a dry run downloads them."""
    folder = downloaded(cache)
    (folder / "model.safetensors").unlink()
    with pytest.raises(Unreachable, match="its weights are not in the local cache"):
        locate(NAME, None)


class Hub:
    """What `snapshot_download` does with a network, for a repository of these files."""

    def __init__(self, folder: Path, *names: str) -> None:
        self.folder = folder
        self.names = names
        self.patterns: list[str] = []

    def __call__(self, name: str, **options: object) -> object:
        from huggingface_hub.errors import LocalEntryNotFoundError

        patterns = options["allow_patterns"]
        assert isinstance(patterns, list)
        if options.get("local_files_only"):
            raise LocalEntryNotFoundError("nothing here")
        if options.get("dry_run"):
            wanted = [n for n in self.names if any(Path(n).match(p) for p in patterns)]
            return [SimpleNamespace(filename=n, commit_hash=COMMIT) for n in wanted]
        self.patterns = patterns
        return str(self.folder)


@pytest.mark.parametrize(
    ("names", "weights"),
    [
        (("config.json", "model.safetensors", "pytorch_model.bin", "tf_model.h5"), "*.safetensors"),
        (("config.json", "pytorch_model.bin", "spiece.model"), "pytorch_model*.bin"),
    ],
)
def test_only_one_kind_of_weights_is_downloaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, names: tuple[str, ...], weights: str
) -> None:
    hub = Hub(tmp_path, *names)
    monkeypatch.setattr("huggingface_hub.snapshot_download", hub)
    found = locate(NAME, None)
    assert found.fingerprint == COMMIT
    assert checkpoint_folder(found.place, weights=False) == tmp_path
    assert hub.patterns == ["*.json", "*.model", "*.spm", "*.txt", "*.jinja"]
    assert checkpoint_folder(found.place) == tmp_path
    assert hub.patterns == ["*.json", "*.model", "*.spm", "*.txt", "*.jinja", weights]


def test_a_repository_without_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "huggingface_hub.snapshot_download", Hub(tmp_path, "config.json", "tf_model.h5")
    )
    with pytest.raises(
        UserError, match=r"the hub has no \*.safetensors or pytorch_model\*.bin of it"
    ):
        locate(NAME, None)


def test_a_hub_that_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    response = httpx2.Response(401, request=httpx2.Request("GET", "https://localhost"))

    def refuse(*_: object, **options: object) -> None:
        from huggingface_hub.errors import LocalEntryNotFoundError

        if options.get("local_files_only"):
            raise LocalEntryNotFoundError("nothing here")
        raise HfHubHTTPError("401: who are you?\nlog in", response=response)

    monkeypatch.setattr("huggingface_hub.snapshot_download", refuse)
    with pytest.raises(
        Unreachable, match=r"^model someone/t5: the hub refuses it: 401: who are you\?$"
    ):
        locate(NAME, None)
