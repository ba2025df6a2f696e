"""The sweep that faults are thrown at: as small as can be while each kind of stage runs where it runs in a large one.

Two plans on two models that train in seconds: labels alone, and a teacher (a Train worker group, since it is larger than
its student) with two shards of labels (a Ray Data actor pool); students and evaluations (tasks); and a budget that
buys nothing, whose rows the driver writes. The command is the user's own, in a process group of its own.
"""

import json
import os
import random
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from raydoa.models.seq2seq.checkpoint import build_model, save_model
from raydoa.models.seq2seq.shape import T5Shape
from raydoa.models.seq2seq.tokenizer import train_sentencepiece

_ROOT = Path(__file__).parents[2]
_WORDS = ["acid", "base", "salt", "water", "flask", "tube", "heat", "cool", "mix", "spin"]
_SIZES = {"train": 32, "test": 40, "pool": 60}
_VOCABULARY = 256
_FEED_FORWARD = {"small": 64, "large": 2048}

_TASK = """
name: chaos
prefix: "chaos: "
metric: accuracy
source_length: 12
target_length: 6
classes: ["YES", "NO"]
train: train.jsonl
test: test.jsonl
pool: pool.jsonl
label_price: {usd: 0.5, source: this benchmark, date: 2026-11-21}
"""

_SWEEP = """
preset: nano
sweep:
  name: chaos
  grid:
    tasks: [TASK]
    strategies: [annotate, distill]
    budgets: [0, 4]
    n: [16]
    u: [20]
    teachers: [large]
    seeds: [0]
  student: small
  student_recipe: {learning_rate: 0.01, batch_size: 8, epochs: 20}
  teacher_recipe: {learning_rate: 0.01, batch_size: 8, epochs: 20}
  distill_recipe: {learning_rate: 0.01, batch_size: 8, epochs: 20}
  shard_rows: 10
  test_rows: 40
runtime:
  models: {small: SMALL, large: LARGE}
"""


@dataclass(frozen=True)
class Inputs:
    """The task, the checkpoints and the sweep's file, which many runs share."""

    folder: Path

    @property
    def sweep(self) -> Path:
        """The configuration that the command is given."""
        return self.folder / "sweep.yaml"

    def write(self) -> None:
        """Write what is not there yet; it is the same in every folder of this name."""
        if self.sweep.exists():
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        chance = random.Random(0)
        sentences = {
            part: [_sentence(chance) for _ in range(count)] for part, count in _SIZES.items()
        }
        for part, texts in sentences.items():
            rows = [{"source": text, "target": _class_of(text)} for text in texts]
            if part == "pool":
                rows = [{"source": row["source"]} for row in rows]
            lines = "".join(json.dumps(row) + "\n" for row in rows)
            (self.folder / f"{part}.jsonl").write_text(lines, encoding="utf-8")
        tokenizer = train_sentencepiece([*_WORDS, "YES", "NO", "chaos", *sentences["pool"]] * 3, 60)
        for seed, (name, d_ff) in enumerate(_FEED_FORWARD.items()):
            shape = T5Shape(
                vocabulary=_VOCABULARY, d_model=32, d_kv=8, d_ff=d_ff, heads=2, encoder_layers=1, decoder_layers=1,
            )  # fmt: skip
            (self.folder / name).mkdir(exist_ok=True)
            save_model(build_model(shape, seed, 0.0), tokenizer, self.folder / name)
        (self.folder / "chaos.yaml").write_text(_TASK, encoding="utf-8")
        text = _SWEEP
        names = {"TASK": "chaos.yaml", "SMALL": "small", "LARGE": "large"}
        for word, name in names.items():
            text = text.replace(word, str(self.folder / name))
        self.sweep.write_text(text, encoding="utf-8")


@dataclass(frozen=True)
class Place:
    """The folders of one run: nothing of it lies anywhere else.

    ``root`` is short, for Ray's sockets have paths of at most 107 bytes. Everything that the command writes lies under
    ``disk``, which may be full; what it says is kept beside that.
    """

    root: Path

    @property
    def disk(self) -> Path:
        """All that the command writes."""
        return self.root / "d"

    @property
    def store(self) -> Path:
        """Of the artifacts."""
        return self.disk / "store"

    @property
    def results(self) -> Path:
        """Of the result dir."""
        return self.disk / "results"

    @property
    def temporary(self) -> Path:
        """TMPDIR."""
        return self.disk / "tmp"

    @property
    def ray(self) -> Path:
        """RAY_TMPDIR: sockets, logs, spilled objects."""
        return self.disk / "ray"

    @property
    def result_dir(self) -> Path | None:
        """Of the sweep, once it is there."""
        found = sorted(self.results.glob("chaos-*"))
        return found[0] if found else None

    def make(self) -> None:
        """Make the folders."""
        for folder in (self.store, self.results, self.temporary, self.ray):
            folder.mkdir(parents=True, exist_ok=True)

    def start(self, inputs: Inputs, run: int) -> subprocess.Popen[bytes]:
        """Begin the command; what it says goes to files of this run's number."""
        command = [
            sys.executable, "sweeps/main_grid.py", str(inputs.sweep),
            "--store", str(self.store), "--results", str(self.results),
        ]  # fmt: skip
        return self._begin(command, run)

    def verify(self, run: int) -> subprocess.Popen[bytes]:
        """Begin `raydoa store verify --drop`, as a user does who has heard of damage."""
        main = "import sys; from raydoa.cli import main; sys.exit(main())"
        command = [sys.executable, "-c", main, "store", "verify", "--drop", str(self.store)]
        return self._begin(command, run)

    def said(self, run: int, stream: str) -> str:
        """What a run has written so far."""
        return (self.root / f"{run}.{stream}").read_text(encoding="utf-8", errors="replace")

    def _begin(self, command: list[str], run: int) -> subprocess.Popen[bytes]:
        places = {"TMPDIR": str(self.temporary), "RAY_TMPDIR": str(self.ray)}
        path = os.pathsep.join([str(_ROOT), os.environ.get("PYTHONPATH", "")])
        own = {"PYTHONPATH": path, "RAY_USAGE_STATS_ENABLED": "0", "RAY_worker_niceness": "0"}
        env = {name: value for name, value in os.environ.items() if name != "RAY_ADDRESS"}
        with (
            (self.root / f"{run}.out").open("wb") as out,
            (self.root / f"{run}.err").open("wb") as err,
        ):
            return subprocess.Popen(
                command, env=env | own | places, cwd=_ROOT, stdout=out, stderr=err, start_new_session=True
            )  # fmt: skip


def _sentence(chance: random.Random) -> str:
    return " ".join(chance.choices(_WORDS, k=3))


def _class_of(sentence: str) -> str:
    return "YES" if _WORDS.index(sentence.split(maxsplit=1)[0]) % 2 else "NO"
