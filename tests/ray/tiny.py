"""The smallest real thing: a task of a few hundred rows and untied T5 v1.1 checkpoints on disk.

Embedding, head and feed-forward matrices have more than 100,000 numbers each, because DeepSpeed leaves smaller
ones whole under ZeRO-3, and a test would see nothing of it.
"""

import json
import random
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file

from raydoa.experiment.config import Grid, RuntimeConfig, Sweep
from raydoa.experiment.placement import Placer
from raydoa.models.hub import folder_fingerprint
from raydoa.models.seq2seq.checkpoint import build_model, save_model
from raydoa.models.seq2seq.shape import T5Shape
from raydoa.models.seq2seq.tokenizer import train_sentencepiece
from raydoa.on_ray.finetune import fine_tune
from raydoa.on_ray.label_pool import label_pool
from raydoa.pipeline.beginnings import Checkpoint, TaskData
from raydoa.pipeline.build import build_stage
from raydoa.pipeline.context import ExecutionContext
from raydoa.pipeline.stages import FineTune, PseudoLabel, TextForm
from raydoa.store.record import Record
from raydoa.store.store import Store
from raydoa.tasks.data import fingerprint
from raydoa.tasks.own_task import read_task_yaml
from raydoa.tasks.reading.rows import read_rows
from raydoa.tasks.task import TaskSpec
from raydoa.training.recipe import Execution, Recipe, Representation
from tests.ray.watching import alive, kill_a_worker_after_a_checkpoint

POISON = "@"
VOCABULARY = 4096
_WORDS = [
    "acid",
    "base",
    "salt",
    "water",
    "flask",
    "tube",
    "heat",
    "cool",
    "mix",
    "spin",
    "wash",
    "dry",
]
_CLASSES = ("YES", "NO")

TASK_YAML = """
name: tiny
prefix: "tiny: "
metric: accuracy
source_length: 16
target_length: 6
classes: ["YES", "NO"]
train: train.jsonl
test: test.jsonl
pool: pool.jsonl
label_price: {usd: 0.5, source: a test, date: 2026-11-21}
"""


@dataclass(frozen=True)
class Tiny:
    """Where the rows and the checkpoints lie."""

    folder: Path

    @property
    def task_yaml(self) -> Path:
        return self.folder / "tiny.yaml"

    @property
    def spec(self) -> TaskSpec:
        return read_task_yaml(self.task_yaml)

    def model(self, name: str) -> Path:
        return self.folder / name

    def checkpoint(self, name: str) -> Checkpoint:
        """The checkpoint called ``name``, which may say how it is begun, in brackets."""
        return Checkpoint(name, folder_fingerprint(self.model(name.partition("[")[0])))

    def context(self, store: Path, execution: Execution | None = None) -> ExecutionContext:
        """A context at a store that holds the task's rows."""
        names = [path.parent.name for path in self.folder.glob("*/config.json")]
        context = ExecutionContext(
            store=Store(str(store)),
            tasks={"tiny": self.spec},
            data_root=None,
            checkpoints={self.checkpoint(n).fingerprint: str(self.model(n)) for n in names},
            execution=execution or Execution(),
        )
        build_stage(self.data(), context)
        return context

    def data(self) -> TaskData:
        return TaskData("tiny", fingerprint(read_rows(self.spec, None)))

    def fine_tuning(self, model: str = "large", **changes: object) -> FineTune:
        """Twelve steps in six epochs of twelve rows, batches of eight: every second one is short."""
        recipe = {
            "learning_rate": 3e-3, "batch_size": 8, "epochs": 6, "schedule": "linear", "warmup_fraction": 0.2,
            "weight_decay": 0.01, "dropout": 0.1, **changes.pop("recipe", {}),
        }  # fmt: skip
        fields = {"labels": 12, "steps": 12, "seed": 0, **changes}
        return FineTune(
            initial=self.checkpoint(model),
            data=self.data(),
            form=TextForm.of(self.spec),
            recipe=Recipe(**recipe),
            **fields,
        )

    def shards(self, teacher: FineTune, count: int, size: int = 10) -> list[PseudoLabel]:
        return [
            PseudoLabel(
                teacher=teacher,
                data=teacher.data,
                form=teacher.form,
                representation=Representation(),
                sparsity=None,
                start=size * i,
                stop=size * (i + 1),
                seed=0,
            )
            for i in range(count)
        ]

    def sweep(self, **grid: tuple[object, ...]) -> Sweep:
        recipe = Recipe(learning_rate=3e-3, batch_size=8, epochs=2)
        axes: dict[str, object] = {
            "tasks": (str(self.task_yaml),),
            "strategies": ("annotate", "distill"),
            "budgets": (5.0,),
            "n": (16,),
            "u": (20,),
            "teachers": ("large",),
            "seeds": (0,),
            **grid,
        }
        return Sweep(
            name="tiny",
            grid=Grid.model_validate(axes),
            student="small",
            student_recipe=recipe,
            teacher_recipe=recipe,
            distill_recipe=recipe,
            representation=Representation(),
            shard_rows=10,
            prices="2026-11-09",
            accelerator="a100-40gb",
            region="us",
        )

    def runtime(self, folder: Path, **changes: object) -> RuntimeConfig:
        return RuntimeConfig.model_validate(
            {
                "store": str(folder / "store"),
                "results": str(folder / "results"),
                "models": {name: str(self.model(name)) for name in ("small", "large")},
                **changes,
            }
        )


def write_tiny(folder: Path, *, poisoned: bool = False) -> Tiny:
    """Write task and checkpoints into ``folder``; poisoned: one pool row has a token that `large` fails on."""
    chance = random.Random(0)
    (folder / "tiny.yaml").write_text(TASK_YAML, encoding="utf-8")
    for part, count in (("train", 60), ("test", 16), ("pool", 400)):
        rows = [
            {"source": f"{part} {i} {' '.join(chance.choices(_WORDS, k=4))}", "target": chance.choice(_CLASSES)}
            for i in range(count)
        ]  # fmt: skip
        if poisoned and part == "pool":
            rows[count // 2]["source"] = f"{POISON} " + rows[count // 2]["source"]
        lines = [json.dumps(row) for row in rows]
        (folder / f"{part}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    texts = [*_WORDS, *_CLASSES, "tiny:", "train", "test", "pool", *map(str, range(10)), POISON]
    tokenizer = train_sentencepiece(texts * 3, 90)
    small = {"d_model": 32, "d_kv": 8, "heads": 2, "encoder_layers": 1, "decoder_layers": 1}
    for name, d_ff, seed in (("small", 64, 1), ("large", 4096, 2)):
        shape = T5Shape(vocabulary=VOCABULARY, d_ff=d_ff, **small)
        (folder / name).mkdir()
        model = build_model(shape, seed, 0.0)
        if poisoned and name == "large":
            model.shared.weight.data[tokenizer.encode([POISON], 9)[0][:-1]] = torch.nan
        save_model(model, tokenizer, folder / name)
    return Tiny(folder)


def label(shards: Sequence[PseudoLabel], context: ExecutionContext, runtime: RuntimeConfig) -> None:
    """Make shards of one labeller with a pool of actors."""
    [pool] = Placer(runtime, frozenset()).placed(shards)
    label_pool(pool, context, runtime)


def weights(store: Store, stage: FineTune) -> dict[str, torch.Tensor]:
    """The weights of a trained model as they lie in the store."""
    return load_file(store.fetch(stage.key) / "model.safetensors")


def assert_close(
    ours: Mapping[str, torch.Tensor], theirs: Mapping[str, torch.Tensor], tolerance: float = 1e-4
) -> None:
    """The same tensors under the same names, within a tolerance relative to their size."""
    assert ours.keys() == theirs.keys()
    for name, tensor in ours.items():
        wanted = theirs[name].float()
        off = float((tensor.float() - wanted).norm() / wanted.norm())
        assert off < tolerance, f"{name} is off by {off:.2e}"


def fine_tune_through_a_kill(
    stage: FineTune, context: ExecutionContext, runtime: RuntimeConfig
) -> Record:
    """Train with checkpoints every five steps while one worker is ended; returns the record of a group that went on."""
    with ThreadPoolExecutor(1) as beside:
        killed = beside.submit(kill_a_worker_after_a_checkpoint, Path(runtime.train_folder))
        fine_tune(stage, context, runtime)
        assert not alive(killed.result())
    record = context.store.find(stage.key)
    assert record is not None
    first = int(str(record.facts["first_step"]))
    assert 5 <= first < stage.steps and first % 5 == 0, "it went on where it was"
    return record
