"""Hardware by name, and the settings with which T5-XXL is fine-tuned and served on it.

T5-XXL (google/t5-v1_1-xxl) has 11.13e9 parameters: 22.3 GB in bf16, and 16 bytes a parameter while it trains = 178 GB.
Under ZeRO-3 on W GPUs each holds 178 / W, and beside it, at the peak, some 12 GB; `raydoa.models.memory` says what they are,
and works it out for any model:

    8 x A100-40GB   178 / 8 = 22.3, + 12 = 34 GB of 40: fits, 4 rows a GPU make the global batch of 32
    8 x A100-80GB   the same 34 GB of 80: fits
    4 x H100-80GB   178 / 4 = 44.5, + 12 = 56 GB of 80: fits, 8 rows a GPU (0.4 GB more)
    4 x A100-40GB   56 GB of 40: does not fit, unless `--offload` moves the optimiser's 134 GB to the host
    1 x 80 GB       190 GB: does not fit; T5-XL does (57 GB), and so does Llama-3.2-3B (63 GB)

A group that loses machines continues with the fewest GPUs that still hold it, 178 / W + 12 being the memory of one:

    8 x A100-40GB   7: 37 GB of 40
    8 x A100-80GB   3: 71 GB of 80
    4 x H100-80GB   3: 71 GB of 80, and 0.4 more for its 8 rows

This is arithmetic for XXL. T5-XL was fine-tuned on one H100: 54.7 GB allocated where the same arithmetic says 57.4, and
68.3 held by the process, with the CUDA context and what torch's allocator keeps (docs/scale.md). On a 40 GB GPU, where
34 leave less than that, nobody has tried; torch gives back what it keeps before it runs out.

Labelling holds the weights alone: 22.3 GB in bf16, one actor per GPU. bf16 throughout: fp16 overflows in T5.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from raydoa.errors import UserError, did_you_mean
from raydoa.experiment.config import RuntimeConfig


@dataclass(frozen=True)
class Hardware:
    """GPUs of one kind, as a price book names it, and the rows that one of them trains on at a time.

    A training that loses some of them continues with ``least_gpus`` or more.
    """

    accelerator: str
    gpus: int
    least_gpus: int
    micro_batch_size: int

    def overrides(self) -> dict[str, Any]:
        """The fields of a configuration that follow from it."""
        runtime = {
            "train_workers": self.gpus,
            "least_train_workers": self.least_gpus,
            "zero_stage": 3,
            "micro_batch_size": self.micro_batch_size,
            "activation_checkpointing": True,
            "gpus_per_worker": 1,
            "cpus_per_worker": 4,
            "label_actors": (1, self.gpus),
            "gpus_per_label_actor": 1,
            "cluster_gpus": self.gpus,
        }
        return {"sweep": {"accelerator": self.accelerator}, "runtime": runtime}

    def runtime(self) -> RuntimeConfig:
        """How a sweep runs on it."""
        return RuntimeConfig.model_validate(self.overrides()["runtime"])


HARDWARE: Mapping[str, Hardware] = {
    "8xa100-40gb": Hardware("a100-40gb", gpus=8, least_gpus=7, micro_batch_size=4),
    "8xa100-80gb": Hardware("a100-80gb", gpus=8, least_gpus=3, micro_batch_size=4),
    "4xh100-80gb": Hardware("h100-80gb", gpus=4, least_gpus=3, micro_batch_size=8),
    "1xa100-80gb": Hardware("a100-80gb", gpus=1, least_gpus=1, micro_batch_size=4),
    "1xh100-80gb": Hardware("h100-80gb", gpus=1, least_gpus=1, micro_batch_size=4),
}


def hardware(name: str, where: str = "--cluster") -> Hardware:
    """The cluster of that name; ``where`` names the flag or field in the error.

    Raises:
        UserError: there is none.
    """
    if name not in HARDWARE:
        raise UserError(
            f"{where}: found {name!r}; known are {', '.join(HARDWARE)}{did_you_mean(name, list(HARDWARE))}"
        )
    return HARDWARE[name]
