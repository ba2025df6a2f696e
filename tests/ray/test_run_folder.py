"""What a training's folder holds that no training has left there: broken lists of checkpoints, and links."""

from collections.abc import Callable
from pathlib import Path

import pytest

from raydoa.errors import UserError
from raydoa.on_ray.run_folder import forget_what_is_broken

_SNAPSHOT = "checkpoint_manager_snapshot.json"
_PENDING = '[{"checkpoint_dir_name":"checkpoint_1","metrics":{}}]'


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda text: text[: len(text) // 2], "cannot be read"),
        (lambda _: "[" * 100_000, "cannot be read"),
        (lambda text: text.replace("checkpoint_1", "checkpoint_2"), "lists a checkpoint 'checkp"),
        (lambda text: text.replace("checkpoint_1", "checkpoint_2", 1), "lists a checkpoint 'che"),
        (lambda text: text.replace("[0]", "[]"), "does not list each checkpoint once"),
        (lambda text: text.replace('"pending_validation_specs":[]', '"pending_validation_specs":[true]'), "to be val"),
        (lambda text: text.replace('"pending_training_results":[]', f'"pending_training_results":{_PENDING}'), "to be v"),
        *[
            (lambda text, name=name: text.replace("checkpoint_1", name), "which is not there")
            for name in ("../precious", "..", ".", "", "progress.json", "checkpoint_1/..", "checkpoint_1/", "/", "x" * 999)
        ],
    ],
)  # fmt: skip
def test_a_broken_list_of_checkpoints_is_forgotten(
    tmp_path: Path,
    change: Callable[[str], str],
    told: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Ray Train's own: no group would start with it, and a folder that it names may be removed."""
    run, precious = _run_with_a_checkpoint(tmp_path)
    forget_what_is_broken(run)
    assert not caplog.messages and len(list(run.iterdir())) == 3
    snapshot = run / _SNAPSHOT
    snapshot.write_text(change(snapshot.read_text()))
    forget_what_is_broken(run)
    assert told in caplog.text and "its checkpoints are removed, and the training" in caplog.text
    assert [path.name for path in run.iterdir()] == ["progress.json"]
    assert (precious / "file").exists()


@pytest.mark.parametrize("name", [_SNAPSHOT, "checkpoint_1"])
@pytest.mark.parametrize("to", ["precious", "precious/file", "nothing"])
def test_a_broken_run_has_no_link_to_write_or_remove_through(
    tmp_path: Path, name: str, to: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Ray's marker among them, which it empties at the start of each group."""
    run, precious = _run_with_a_checkpoint(tmp_path)
    (run / name).rename(tmp_path / "aside")
    (run / name).symlink_to(tmp_path / to)
    (run / ".validate_storage_marker").symlink_to(precious / "file")
    forget_what_is_broken(run)
    assert f"{name}: a symbolic link, which no training makes; removed" in caplog.text
    left = {"checkpoint_1"} if name == _SNAPSHOT else set()
    assert {path.name for path in run.iterdir()} == left | {"progress.json"}
    assert (precious / "file").read_text() == "precious"


def test_a_broken_list_that_is_a_folder_goes_and_a_linked_run_is_refused(tmp_path: Path) -> None:
    run, precious = _run_with_a_checkpoint(tmp_path)
    (run / _SNAPSHOT).unlink()
    (run / _SNAPSHOT).mkdir()
    forget_what_is_broken(run)
    assert [path.name for path in run.iterdir()] == ["progress.json"]
    run.rename(tmp_path / "aside")
    run.symlink_to(precious)
    with pytest.raises(UserError, match=r"/run: a symbolic link is where a folder is needed"):
        forget_what_is_broken(run)


def _run_with_a_checkpoint(place: Path) -> tuple[Path, Path]:
    """A run's folder as a group leaves it, and a folder beside it."""
    from ray.train.v2._internal.execution.checkpoint import checkpoint_manager

    run, precious = place / "run", place / "precious"
    for folder in (run / "checkpoint_1", precious):
        folder.mkdir(parents=True)
        (folder / "file").write_text("precious")
    result = checkpoint_manager._TrainingResultState(checkpoint_dir_name="checkpoint_1", metrics={})
    state = checkpoint_manager._CheckpointManagerState(
        checkpoint_results=[result],
        checkpoint_report_indices=[0],
        latest_checkpoint_result=result,
        pending_training_results=[],
        pending_validation_specs=[],
        current_report_index=1,
        validated_checkpoint_dir_names=[],
        timed_out_validation_checkpoint_dir_names=[],
        failed_validation_checkpoint_dir_names=[],
    )
    (run / _SNAPSHOT).write_text(state.model_dump_json())
    (run / "progress.json").touch()
    return run, precious
