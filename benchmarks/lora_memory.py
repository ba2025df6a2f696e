"""Memory of a training of a decoder-only model: all its weights (A), and a LoRA beside them, frozen in float32 (B) or in
bfloat16 (C); measured, and as the arithmetic of `raydoa.pipeline.host_memory` has it.

    python benchmarks/lora_memory.py

Each measurement is a process of its own, which opens a checkpoint with random weights as a training does and takes some
steps on the CPU; the ways take turns. Measured is the peak of the resident memory while it trains, less what the process
holds before the checkpoint is opened (while that is read, its file is in memory as well, in pages that can be given back).
Rows are few and short, so that there is little beside weights, gradients and moments. The last line is JSON, in MB.
"""

import argparse
import importlib
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedTokenizerFast

from raydoa.models.lookup import shape_at
from raydoa.models.lora import Lora
from raydoa.models.naming import ModelName
from raydoa.pipeline.beginnings import Checkpoint, TaskData
from raydoa.pipeline.context import ExecutionContext
from raydoa.pipeline.opened_models import open_for_training
from raydoa.pipeline.stages import FineTune, TextForm
from raydoa.store.store import Store
from raydoa.training.batches import Example
from raydoa.training.engine import PlainEngine
from raydoa.training.fit import fit
from raydoa.training.recipe import Execution, Recipe

VOCABULARY, RANK = 8192, 16
WAYS = {"whole": (None, "float32"), "lora": (RANK, "float32"), "lora_bfloat16": (RANK, "bfloat16")}
"""Rank of the LoRA, and precision of the recipe."""


def main() -> None:
    """Measure each way in some interleaved rounds."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--width", type=int, default=1024)
    parser.add_argument("--layers", type=int, default=12)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--child", choices=WAYS, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        print(json.dumps(_train(options.folder, options.child, options.steps)))
        return
    with tempfile.TemporaryDirectory(prefix="raydoa-") as scratch:
        folder = Path(scratch)
        _write(folder, options.width, options.layers)
        rounds = [
            {way: _child(folder, way, options.steps) for way in WAYS} for _ in range(options.rounds)
        ]
    table = {}
    for way in WAYS:
        peaks = [one[way]["measured_mb"] for one in rounds]
        first = rounds[0][way]
        table[way] = {
            "parameters": first["parameters"],
            "trained": first["trained"],
            "arithmetic_mb": round(first["arithmetic_mb"]),
            "measured_mb": round(statistics.median(peaks)),
            "lowest_mb": round(min(peaks)),
            "highest_mb": round(max(peaks)),
        }
        print(way, table[way], flush=True)
    print(json.dumps({"benchmark": "lora_memory", "rounds": options.rounds, "ways": table}))


def _write(folder: Path, width: int, layers: int) -> None:
    """A decoder of Qwen3's architecture, and a tokenizer of as many words."""
    words = {f"w{index}": index for index in range(VOCABULARY - 2)}
    words |= {"<end>": VOCABULARY - 2, "<unk>": VOCABULARY - 1}
    tokenizer = Tokenizer(models.WordLevel(words, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, eos_token="<end>", unk_token="<unk>"
    ).save_pretrained(folder)
    config = AutoConfig.for_model(
        "qwen3",
        vocab_size=VOCABULARY,
        hidden_size=width,
        num_hidden_layers=layers,
        num_attention_heads=width // 64,
        num_key_value_heads=width // 128,
        head_dim=64,
        intermediate_size=3 * width,
        tie_word_embeddings=True,
    )
    AutoModelForCausalLM.from_config(config).save_pretrained(folder)


def _child(folder: Path, way: str, steps: int) -> dict[str, float]:
    command = [
        sys.executable, __file__, "--child", way, "--folder", str(folder), "--steps", str(steps),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    values: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return values


def _train(folder: Path, way: str, steps: int) -> dict[str, float]:
    """Peak resident memory, less that of a process that has everything but the model."""
    importlib.import_module("peft")  # What it takes is no part of the model.

    torch.set_num_threads(1)
    rank, precision = WAYS[way]
    lora = None if rank is None else Lora(rank, 2 * rank)
    name = "m" if rank is None else f"m[lora_r={rank}]"
    shape = shape_at(folder, ModelName.of(name).settings)
    recipe = Recipe(learning_rate=1e-4, batch_size=1, epochs=1, precision=precision)
    stage = FineTune(
        initial=Checkpoint(name, "0"),
        data=TaskData("none", "0"),
        form=TextForm("", 16, 8),
        labels=1,
        recipe=recipe,
        steps=steps,
        seed=0,
        lora=lora,
    )
    context = ExecutionContext(
        Store(str(folder / "store")), {}, None, {"0": str(folder)}, Execution()
    )
    before = _memory_mb("VmRSS")
    model = open_for_training(stage, context)
    Path("/proc/self/clear_refs").write_text("5", encoding="utf-8")  # The peak is counted anew.
    examples = [Example("0", list(range(16)), list(range(8)))]
    fit(
        PlainEngine(model.loss(), recipe, steps), examples, batch_size=1, steps=steps, seed=0,
        execution=Execution(),
    )  # fmt: skip
    weights = 2 if lora is not None and precision == "bfloat16" else 4
    arithmetic = weights * shape.parameters + 12 * shape.trained_parameters
    return {
        "parameters": shape.parameters,
        "trained": shape.trained_parameters,
        "arithmetic_mb": arithmetic / 1e6,
        "measured_mb": _memory_mb("VmHWM") - before,
    }


def _memory_mb(kind: str) -> float:
    """Resident memory of this process: VmRSS now, VmHWM at its peak."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return int(next(line for line in lines if line.startswith(kind)).split()[1]) * 1024 / 1e6


if __name__ == "__main__":
    main()
