"""Every mistake is one clear line that says what to do, and exit code 2."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

from tests.unit.checkpoints import write_checkpoint
from tests.unit.cli.conftest import Run
from tests.unit.world import World, write_task

Refused = Callable[..., str]

TINY = ("--n", 8, "--u", 20, "--seeds", 0, "--teachers", "nano-m", "--budget", 1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "raydoa: the following arguments are required: command; see raydoa --help"),
        (("store",), "raydoa store: the following arguments are required: store_command; see raydoa store --help"),
        (("store", "ls"), "raydoa store ls: the following arguments are required: url"),
        (("store", "verify", "x", "--dorp"), "unrecognized arguments: --dorp"),
        (("store", "ls", "x", "--kind", "teacher"), "argument --kind: invalid choice: 'teacher'"),
        (("swep",), "argument command: invalid choice: 'swep'"),
        (("sweep", "--config", "papr"), "--config: found 'papr'; known are embedded, nano, paper, paper-llm, encoders, encoders-large, decoders, decoders-lora (did you mean 'paper'?)"),
        (("sweep", "--tasks", "wpl"), "task 'wpl': not one of wlp, "),
        (("sweep", "--tasks", "mine.yaml"), "mine.yaml: no such file"),
        (("sweep", "--strategies", "anotate"), "strategies: found ['anotate']; 'anotate' is not one of annotate"),
        (("sweep", "--budget", "-5"), "budgets: found [-5.0]; a budget is in dollars and cannot be negative"),
        (("sweep", "--budget", "ten"), "--budgets: found 'ten'; expected a number"),
        (("sweep", "--budget", "inf"), "budgets.0: found inf; input should be a finite number"),
        (("sweep", "--n", "1.5"), "--n: found '1.5'; expected a whole number"),
        (("sweep", "--label-shares", "half"), "--label-shares: found 'half'; expected a number"),
        (("sweep", "--label-shares", "1.5"), "label_shares: found [1.5]; a share of the budget is from 0 to 1"),
        (("sweep", "--n", "0"), "n: found [0]; counts start at 1"),
        (("sweep", "--u", "5", "5"), "u repeats a value: (5, 5)"),
        (("sweep", "--seeds", "-1"), "seeds: found [-1]; seeds start at 0"),
        (("sweep", "--test-rows", "0"), "test_rows: found 0; input should be greater than or equal to 1"),
        (("sweep", "--test-rows", "x"), "--test-rows: found 'x'; expected a whole number"),
        (("sweep", "--zero-stage", "7"), "zero_stage: found 7; input should be 0, 1, 2 or 3"),
        (("sweep", "--train-workers", "0"), "train_workers: found 0; input should be greater than or equal to 1"),
        (("sweep", "--results", "s3://b/r"), "results: found 's3://b/r'; results go to a folder that every node reaches"),
        (("sweep", "--model", "small"), "--model: found 'small'; expected NAME=FOLDER"),
        (("sweep", "--model", "=x"), "--model: found '=x'; expected NAME=FOLDER"),
        (("sweep", "--model", "smal=x"), "--model smal=...: no model of this sweep, whose student is nano-s"),
        (("sweep", "--prices", "2026"), "price book: found '2026', which is neither a file nor a shipped book"),
        (("sweep", "--accelerator", "a100-40g"), "accelerator 'a100-40g': not in price book 'embedded'"),
        (("calibrate", "--config", "embedded"), "'embedded' scales its prices, so nothing that is measured would be used"),
        (("calibrate", "--task", "wlp"), "no GPU can be seen, and the accelerator is 'a100-40gb'; run this where it is"),
        (("sweep", "--set", "offload"), "--set: found 'offload'; expected FIELD=VALUE"),
        (("sweep", "--set", "oflload=true"), "--set: found 'oflload=true'; 'oflload' is no field (did you mean 'offload'?)"),
        (("sweep", "--set", "teacher_recipe.epoch=3"), "'epoch' is no field (did you mean 'epochs'?)"),
        (("sweep", "--set", "teacher_recipe.epochs=0"), "teacher_recipe.epochs: found 0; input should be greater than"),
        (("sweep", "--set", "representation.kind=spares"), "representation.kind: found 'spares'; input should be 'hidden', 'sparse', 'aligned', 'classes' or 'text'"),
        (("sweep", "--set", "trackers=mlflow,tensorbord"), "trackers.1: found 'tensorbord'; input should be 'mlflow', 'wandb'"),
        (("sweep", "--cluster", "8xa100-40g"), "--cluster: found '8xa100-40g'; known are 8xa100-40gb, 8xa100-80gb, 4xh100-80gb, 1xa100-80gb, 1xh100-80gb (did you mean"),
        (("sweep", "--region", "mars"), "grid intensity of region 'mars': not in price book"),
        (("sweep", "--unit-costs", "gone.yaml"), "gone.yaml: no such file"),
        (("sweep", "--student", "nano-xx", "--strategies", "annotate"), "its size is not known, so it cannot be priced either (did you mean 'nano-s'?)"),
        (("sweep", "--student", "two words"), "model 'two words': neither a folder nor a name that the hub can have"),
    ],
)  # fmt: skip
def test_flags(refused: Refused, arguments: tuple[str, ...], message: str) -> None:
    assert message in refused(*arguments)


def sweep_of(world: World, *more: object) -> tuple[object, ...]:
    return ("sweep", "--task", world.task, *TINY, "--store", world.folder / "store",
            "--results", world.folder / "results", *more)  # fmt: skip


def test_a_task_with_a_typo(refused: Refused, world: World) -> None:
    write_task(world.folder / "task", metrik="accuracy")
    assert "tiny.yaml: metrik: unknown field; known are" in refused(*sweep_of(world))
    write_task(world.folder / "task", metric="acuracy")
    assert "(did you mean 'accuracy'?)" in refused(*sweep_of(world))
    world.task.write_text("name: [")
    assert f"{world.task}:1: not valid YAML" in refused(*sweep_of(world))


def test_rows_that_are_missing_or_malformed(refused: Refused, world: World) -> None:
    train = world.folder / "task" / "train.jsonl"
    lines = train.read_text().splitlines()
    train.write_text("\n".join([*lines[:2], '{"source": 3}', *lines[3:]]))
    assert f"{train}:3: source: found 3; expected text" in refused(*sweep_of(world))
    train.unlink()
    assert f"cannot start: {train}: no such file" in refused(*sweep_of(world))
    assert not (world.folder / "store").exists() and not (world.folder / "results").exists()


def test_rows_without_a_data_folder(refused: Refused, world: World) -> None:
    said = refused("sweep", "--task", "wlp", *TINY)
    assert (
        "cannot start: task wlp: train: wlp/train.jsonl is relative to a data folder; name it with --data"
        in said
    )
    gone = refused("sweep", "--task", "wlp", *TINY, "--data", world.folder / "gone")
    assert f"{world.folder}/gone/wlp/train.jsonl: no such file" in gone


@pytest.mark.parametrize(
    ("axes", "message"),
    [
        (("--n", 101), "task tiny: N = 101 is above the 100 labelled rows; lower N"),
        (
            ("--u", 120),
            "task tiny: U = 120 is above the 100 rows of the pool; lower U or give a larger pool",
        ),
        (
            ("--n", 61, "--u", 40),
            "are more than the 60 of 100 labelled rows that are there beside U = 40 pool rows",
        ),
    ],
)
def test_sizes_above_the_data(
    refused: Refused, world: World, axes: tuple[object, ...], message: str
) -> None:
    assert message in refused(*sweep_of(world, *axes))


def test_models_that_are_none(refused: Refused, world: World) -> None:
    more = ("--student", "mine", "--strategies", "annotate", "--model")
    assert "model mine: no folder" in refused(*sweep_of(world, *more, f"mine={world.folder}/gone"))
    (world.folder / "empty").mkdir()
    assert "no weights; expected *.safetensors" in refused(
        *sweep_of(world, *more, f"mine={world.folder}/empty")
    )
    folder = write_checkpoint(world.folder / "m")
    (folder / "spiece.model").unlink()
    assert "no tokenizer: expected spiece.model or tokenizer.json" in refused(
        *sweep_of(world, *more, f"mine={folder}")
    )


def test_broken_models_are_told_by_a_dry_run(refused: Refused, run: Run, world: World) -> None:
    folder = write_checkpoint(world.folder / "m")
    more = (
        "--dry-run",
        "--student",
        "mine",
        "--strategies",
        "annotate",
        "--model",
        f"mine={folder}",
        "--allow",
        "cut-targets",
    )
    assert run(*sweep_of(world, *more)).code == 0
    weights, config = folder / "model.safetensors", folder / "config.json"
    whole, described = weights.read_bytes(), config.read_text()
    weights.write_bytes(whole[:-1])
    said = refused(*sweep_of(world, *more))
    assert f"raydoa: {weights}: truncated or damaged: it has {len(whole) - 1:,} bytes" in said
    weights.write_bytes(whole)
    tensors = load_file(weights)
    save_file({n: t for n, t in tensors.items() if not n.startswith("decoder.")}, weights)
    assert f"raydoa: {folder}: the encoder of a T5 alone" in refused(*sweep_of(world, *more))
    save_file({**tensors, "shared.weight": tensors["shared.weight"][:50].clone()}, weights)
    said = refused(*sweep_of(world, *more))
    assert f"raydoa: {folder}: its embedding has 50 rows and its tokenizer 60 tokens" in said
    weights.write_bytes(whole)
    config.write_text(
        json.dumps(
            {**json.loads(described), "model_type": "odd", "auto_map": {"AutoModel": "odd.Odd"}}
        )
    )
    assert "raydoa runs no code of a model folder" in refused(*sweep_of(world, *more))
    config.unlink()
    weights.rename(folder / "adapter_model.safetensors")
    (folder / "adapter_config.json").write_text(
        '{"base_model_name_or_path": "google/t5-v1_1-small"}'
    )
    said = refused(*sweep_of(world, *more))
    assert f"raydoa: {folder}: a LoRA adapter of google/t5-v1_1-small, without its weights" in said
    (folder / "adapter_config.json").unlink()
    (folder / "checkpoint-20").mkdir()
    assert f"name {folder}/checkpoint-20 (the last of 1)" in refused(*sweep_of(world, *more))


def test_a_price_book_with_a_typo(refused: Refused, world: World) -> None:
    book = world.folder / "book.yaml"
    book.write_text(
        "{book_id: mine, extends: embedded, labels: {tiny: {value: 1, sauce: x, date: 2026-01-01}}}"
    )
    said = refused(*sweep_of(world, "--prices", book))
    assert "book.yaml: labels.tiny.sauce: unknown field; known are date, source, value" in said
    assert "(did you mean 'source'?) (and 1 more)" in said
    book.write_text(
        "{book_id: mine, extends: embedded, labels: {tiny: {value: -1, source: x, date: 2026-01-01}}}"
    )
    assert "labels.tiny.value: found -1; input should be greater than or equal to 0" in refused(
        *sweep_of(world, "--prices", book)
    )


def test_a_sweep_that_is_priced_writes_nothing(run: Run, world: World) -> None:
    before = sorted(world.folder.rglob("*"))
    ran = run(*sweep_of(world, "--dry-run"))
    assert ran.code == 0 and ran.err == ""
    assert "sweep nano-" in ran.out and "unique stages after sharing" in ran.out
    assert sorted(world.folder.rglob("*")) == before


def test_a_dry_run_lists_what_is_missing_and_prices_the_rest(run: Run, world: World) -> None:
    (world.folder / "task" / "test.jsonl").unlink()
    ran = run(*sweep_of(world, "--dry-run"))
    assert ran.code == 0
    assert f"CANNOT BE REACHED: {world.folder}/task/test.jsonl: no such file" in ran.out
    assert "cannot be had from here: 1; a real run would refuse to start" in ran.out
    assert "standalone: $" in ran.out


def test_the_papers_grid_is_priced_without_data_or_network(run: Run) -> None:
    ran = run("sweep", "--config", "paper", "--dry-run", "--seeds", 0, "--n", 1000)
    assert ran.code == 0 and ran.err == ""
    for task in ("wlp", "stanceosaurus", "fever", "multipit_id", "multipit_gen", "nq"):
        for part in ("train", "test"):
            assert f"CANNOT BE REACHED: task {task}: {part}: {task}/{part}.jsonl" in ran.out
    for size in ("small", "large", "xl", "xxl"):
        assert (
            f"CANNOT BE REACHED: model google/t5-v1_1-{size}: the hub cannot be reached" in ran.out
        )
    for word in ("cells, ", " feasible", "unique stages after sharing: ", "GPU-hours: ", "kgCO2e: ", "standalone: $",
                 "incurred:   $", "wall-clock on 8 x a100-40gb: at least ", "simulated: about "):  # fmt: skip
        assert word in ran.out
    assert "prices are scaled" not in ran.out


def test_a_dry_run_tells_that_a_teacher_fits_on_no_such_cluster(run: Run) -> None:
    ran = run("sweep", "--config", "paper", "--dry-run", "--task", "fever", "--seeds", 0, "--n", 100, "--u", 5000,
              "--cluster-gpus", 4)  # fmt: skip
    assert ran.code == 0
    said = "simulated: a teacher's fine-tuning takes 8 GPUs at once, and the cluster has 4; lower --train-workers"
    assert said in ran.out


def test_a_real_run_of_the_papers_grid_refuses_to_start(refused: Refused, tmp_path: Path) -> None:
    said = refused(
        "sweep", "--config", "paper", "--store", tmp_path / "s", "--results", tmp_path / "r"
    )
    assert said.startswith("raydoa: cannot start: task wlp: train: wlp/train.jsonl is relative")
    assert said.count(": the hub cannot be reached") == 4
    assert list(tmp_path.iterdir()) == []


def test_what_costs_too_much_is_told_with_its_reason(run: Run, world: World) -> None:
    ran = run(*sweep_of(world, "--dry-run", "--budget", 0.0001))
    assert ran.code == 0 and ": 3 cells, 0 feasible" in ran.out
    for name in (
        "annotate-B0.0001-N8",
        "distill-B0.0001-N8-U20-nano-m",
        "self_distill-B0.0001-N8-U20-nano-s",
    ):
        assert f"infeasible, 1 cell tiny-{name}-seed0: the least it takes is the " in ran.out


def test_tasks_choose_the_configuration(run: Run, world: World) -> None:
    assert "sweep embedded-" in run("sweep", "--task", "lexicon", "--dry-run").out
    assert "sweep nano-" in run("sweep", "--task", world.task, *TINY, "--dry-run").out


def test_measured_unit_costs_are_named(run: Run, world: World) -> None:
    row = {"operation": "train_step", "model": "google/t5-v1_1-large", "batch_size": 32, "source_length": 128,
           "target_length": 64, "accelerator": "a100-40gb", "gpu_seconds": 123.0, "basis": "measured",
           "source": "a test"}  # fmt: skip
    path = world.folder / "costs.json"
    path.write_text(json.dumps({"unit_costs": [row]}))
    ran = run(*sweep_of(world, "--dry-run", "--unit-costs", path))
    assert "123.0000 GPU-s a training step" in ran.out
