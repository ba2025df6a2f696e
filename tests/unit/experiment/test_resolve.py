"""Names to things: what cannot be reached is listed, what is wrong is refused, and identity is complete."""

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from raydoa.errors import UserError
from raydoa.experiment.config import Sweep
from raydoa.experiment.presets import PRESETS, preset
from raydoa.experiment.resolve import Resolved, resolve
from raydoa.simulation.dry_run import dry_run_lines
from raydoa.tasks.task import BERTSCORE_VARIABLE
from tests.unit.checkpoints import write_checkpoint
from tests.unit.world import World, forecast_of, measure_all, write_rows, write_task


def one_cell(world: World, **changes: Any) -> Sweep:
    axes = {"strategies": ("annotate",), "n": (8,), "budgets": (1.0,), **changes}
    return world.sweep(**axes)


def identity(world: World, sweep: Sweep | None = None, **running: Any) -> str:
    return resolve(sweep or one_cell(world), world.runtime(**running)).study.sweep_id


def test_every_missing_file_is_listed_and_the_rest_is_priced(world: World) -> None:
    for name in ("train.jsonl", "test.jsonl"):
        (world.folder / "task" / name).unlink()
    resolved = world.resolved()
    assert [line.split(":")[0] for line in resolved.study.unreachable] == [
        str(world.folder / "task" / name) for name in ("train.jsonl", "test.jsonl")
    ]
    assert forecast_of(resolved).standalone_usd > 0
    with pytest.raises(
        UserError, match=r"^cannot start: .*train.jsonl: no such file; .*test.jsonl: no such"
    ):
        resolved.study.check_reachable()


def test_rows_without_a_data_folder(world: World) -> None:
    resolved = world.resolved(world.sweep(tasks=("wlp", "fever"), teachers=("nano-m",)))
    assert len(resolved.study.unreachable) == 4
    assert resolved.study.unreachable[0] == (
        "task wlp: train: wlp/train.jsonl is relative to a data folder; name it with --data FOLDER"
    )


def test_a_dataset_that_cannot_be_reached_is_listed(world: World) -> None:
    write_task(world.folder / "task", train="hf:nobody/has-this:train", test="hf:./not-here:test")
    resolved = world.resolved()
    assert len(resolved.study.unreachable) == 2
    for line, place in zip(
        resolved.study.unreachable, ("hf:nobody/has-this:train", "hf:./not-here:test"), strict=True
    ):
        assert line.startswith(f"{place}: cannot be read") and "\n" not in line


def test_sizes_above_the_data_are_told_and_nothing_starts(world: World) -> None:
    cases = {
        "N = 101 is above the 100 labelled rows": {"n": (8, 101), "u": (20,)},
        "U = 120 is above the 100 rows of the pool": {"u": (120,)},
        "are more than the 60 of 100 labelled rows that are there beside U = 40": {
            "n": (61,),
            "u": (40,),
        },
    }
    for message, axes in cases.items():
        resolved = world.resolved(world.sweep(**axes))
        assert len(resolved.study.unreachable) == 1
        assert message in resolved.study.unreachable[0]
    # Annotation alone has no pool.
    assert world.resolved(one_cell(world, n=(100,), u=(120,))).study.unreachable == ()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"tasks": ("wpl",)}, r"task 'wpl': not one of .* \(did you mean 'wlp'\?\); a task of one's own is a YAML"),
        ({"tasks": ("nowhere.yaml",)}, "nowhere.yaml: no such file"),
        ({"prices": "2026"}, r"price book: found '2026', .* shipped are 2026-11-09, embedded"),
        ({"accelerator": "a100"}, r"accelerator 'a100': not in price book .*did you mean 'a100-"),
        ({"region": "mars"}, "grid intensity of region 'mars': not in price book"),
        ({"student": "nano-x"}, r"model nano-x: the hub cannot be reached .* cannot be priced either \(did you mean 'nano-s'\?\)"),
        ({"student": "./gone"}, r"model ./gone: no folder gone; its size is not known"),
        ({"student": "no such name"}, "model 'no such name': neither a folder nor a name"),
        ({"pretraining": None}, "tiny: pretraining: no recipe for nano-s, which raydoa pretrains itself"),
    ],
)  # fmt: skip
def test_mistakes_are_one_line(world: World, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message) as caught:
        forecast_of(world.resolved(world.sweep(**changes)))
    assert "\n" not in str(caught.value)


def test_a_task_without_a_price_is_an_error(world: World) -> None:
    write_task(world.folder / "task", label_price=None)
    with pytest.raises(UserError, match="label price of task 'tiny': not in price book 'embedded'"):
        world.resolved()


def test_the_price_of_ones_own_task_is_in_the_name_of_the_book(world: World) -> None:
    book = world.resolved().study.unit_costs.book
    assert book.book_id == "embedded+label.tiny=0.5"
    assert book.labels["tiny"].date == date(2026, 11, 21)


def test_two_tasks_of_one_name(world: World) -> None:
    other = write_task(world.folder / "other")
    with pytest.raises(
        UserError, match="tasks: two are called 'tiny'; give one of them another name"
    ):
        world.resolved(world.sweep(tasks=(str(world.task), str(other))))


def test_malformed_rows_have_their_line_told(world: World) -> None:
    path = world.folder / "task" / "train.jsonl"
    lines = path.read_text().splitlines()
    for line, message in (
        ("{", "not JSON"),
        ('{"target": "YES"}', "no 'source'"),
        ('{"source": "x", "target": "MAYBE"}', "found 'MAYBE'"),
    ):
        path.write_text("\n".join([*lines[:4], line, *lines[5:]]))
        with pytest.raises(UserError, match=rf"train.jsonl:5: .*{message}"):
            world.resolved()


def test_everything_that_decides_a_row_is_in_the_name_of_the_result_dir(
    world: World, tmp_path: Path
) -> None:
    seen = {identity(world)}

    def is_new(sweep_id: str) -> bool:
        known = sweep_id in seen
        seen.add(sweep_id)
        return not known

    assert not is_new(
        identity(world, store=str(tmp_path / "elsewhere"), train_workers=2, zero_stage=3)
    )
    for changes in (
        {"prefix": "other: "},
        {"target_length": 5},
        {"metric": "macro_f1"},
        {"classes": ["NO", "YES"]},
    ):
        write_task(world.folder / "task", **changes)
        assert is_new(identity(world)), changes
    write_task(world.folder / "task")
    assert not is_new(identity(world))
    # A folder of another name holds the same task.
    moved = World(world.folder, write_task(world.folder / "moved"))
    assert not is_new(identity(moved))
    assert is_new(identity(world, one_cell(world, n=(9,))))
    assert is_new(identity(world, one_cell(world, accelerator="h100-80gb")))
    calibration = tmp_path / "costs.yaml"
    row = {"operation": "train_step", "model": "google/t5-v1_1-small", "batch_size": 8, "source_length": 128,
           "target_length": 64, "accelerator": "a100-40gb", "gpu_seconds": 0.5, "basis": "measured",
           "source": "a test"}  # fmt: skip
    calibration.write_text(json.dumps({"unit_costs": [row]}))
    assert is_new(identity(world, unit_costs=str(calibration)))
    two = [{"source": "acid", "target": "YES"}, {"source": "salt", "target": "NO"}]
    write_rows(world.folder / "task" / "test.jsonl", two)
    assert is_new(identity(world))


def test_scores_made_without_a_scorer_are_not_those_made_with_one(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_task(world.folder / "task", metric="bert_ibleu", classes=[])
    sweep = one_cell(world, budgets=(0.001,))
    without = resolve(sweep, world.runtime())
    [row] = measure_all(without).values()
    assert row.feasible and row.score is None
    scorer = write_scorer(tmp_path / "scorer")
    monkeypatch.setenv(BERTSCORE_VARIABLE, str(scorer))
    named = resolve(sweep, world.runtime())
    assert named.study.sweep_id != without.study.sweep_id
    [scored] = measure_all(named).values()
    assert scored.score is not None and 0 <= scored.score <= 1
    assert scored.key_student == row.key_student and scored.key_evaluation != row.key_evaluation
    monkeypatch.setenv(BERTSCORE_VARIABLE, str(tmp_path / "gone"))
    with pytest.raises(UserError, match=f"{BERTSCORE_VARIABLE}: no folder"):
        world.resolved()


def write_scorer(folder: Path) -> Path:
    """A BERT of two layers, as small as it gets."""
    from transformers import BertConfig, BertModel, BertTokenizerFast

    folder.mkdir()
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"abcdefghijklmnopqrstuvwxyz"]
    (folder / "vocab.txt").write_text("\n".join([*words, *(f"##{w}" for w in words[5:])]))
    BertTokenizerFast(vocab=str(folder / "vocab.txt")).save_pretrained(folder)
    config = BertConfig(
        vocab_size=60,
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=16,
    )
    BertModel(config).save_pretrained(folder)
    return folder


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_every_preset_loads_plans_and_forecasts(name: str, world: World) -> None:
    """All but the embedded one name rows that are elsewhere; they are priced all the same."""
    configuration = preset(name)
    sweep, running = configuration.sweep, configuration.runtime
    seeds, tasks = sweep.grid.seeds[:1], sweep.grid.tasks[:1]
    narrow = sweep.model_copy(
        update={"grid": sweep.grid.model_copy(update={"seeds": seeds, "tasks": tasks})}
    )
    resolved: Resolved = resolve(narrow, running.model_copy(update={"store": str(world.folder)}))
    expected = forecast_of(resolved)
    assert expected.incurred_usd <= expected.standalone_usd
    assert expected.trials
    text = "\n".join(dry_run_lines(resolved.study, running, expected))
    for word in (
        "unique stages",
        "GPU-hours",
        "kgCO2e",
        "standalone: $",
        "incurred:",
        "wall-clock",
    ):
        assert word in text
    assert ("prices are scaled" in text) == (resolved.study.unit_costs.book.scaled is not None)
    assert bool(resolved.study.unreachable) == (name != "embedded")


def test_an_unknown_preset() -> None:
    with pytest.raises(
        UserError, match=r"--config: found 'papre'; known are .*did you mean 'paper'"
    ):
        preset("papre")


def test_a_hub_model_beyond_v1_1_is_priced_by_its_config(
    world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Downloaded before, in the local cache, with no network: it needs no --model."""
    commit = "c" * 40
    cache = tmp_path / "hub" / "models--someone--t5-small-of-mine"
    write_checkpoint(cache / "snapshots" / commit)
    (cache / "refs").mkdir()
    (cache / "refs" / "main").write_text(commit)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    sweep = one_cell(world, student="someone/t5-small-of-mine", teachers=("x",), pretraining=None)
    resolved = resolve(sweep, world.runtime())
    assert resolved.study.unreachable == ()
    [row] = measure_all(resolved).values()
    assert row.score is not None and row.student == "someone/t5-small-of-mine"
    assert resolved.study.checkpoints["someone/t5-small-of-mine"].fingerprint == commit


def test_a_hub_model_out_of_reach_is_priced_by_its_shipped_configuration(world: World) -> None:
    """All beginnings of a checkpoint are missing as one, and are other models all the same."""
    whole = "sentence-transformers/all-MiniLM-L6-v2"
    part = f"{whole}[layers=0,5]"
    sweep = one_cell(
        world, student=part, teachers=(whole,), strategies=("distill",), u=(20,), pretraining=None
    )
    study = world.resolved(sweep).study
    [missing] = study.unreachable
    assert missing.startswith(f"model {whole}: the hub cannot be reached")
    assert study.shape(part).parameters < study.shape(whole).parameters
    text = "\n".join(dry_run_lines(study, world.runtime(), forecast_of(world.resolved(sweep))))
    assert "1 take_layers" in text
    assert f"{part} learns from {whole}: its distributions over the task's classes" in text


def test_a_hub_model_of_unknown_size_is_refused_with_the_nearest_name(world: World) -> None:
    for name in ("Qwen/Qwen3-0.5B", "Qwen/Qwen3-0.5B[layers=0]"):
        with pytest.raises(UserError, match="cannot be priced either .*'Qwen/Qwen3-0.6B'"):
            world.resolved(one_cell(world, student=name, pretraining=None))


def test_the_pool_of_a_named_task_lies_beside_its_rows(world: World) -> None:
    """The paper's pools are larger than its labelled rows; without one, a pool is what is left of those."""
    data = world.folder / "data"
    (data / "fever").mkdir(parents=True)
    for part, count in (("train", 30), ("test", 5)):
        rows = [{"source": f"claim {i}", "target": ("SUPPORTS", "REFUTES")[i % 2]} for i in range(count)]  # fmt: skip
        write_rows(data / "fever" / f"{part}.jsonl", rows)
    sweep = world.sweep(tasks=("fever",), u=(50,))
    few = resolve(sweep, world.runtime(data=str(data)))
    assert few.study.tasks["fever"].pool_rows == 0 and "50" in few.study.unreachable[0]
    write_rows(data / "fever" / "pool.jsonl", [{"source": f"pool {i}"} for i in range(60)])
    many = resolve(sweep, world.runtime(data=str(data)))
    assert many.study.tasks["fever"].pool_rows == 60 and many.study.unreachable == ()
    assert many.study.tasks["fever"].data.key != few.study.tasks["fever"].data.key
