"""Configurations that are shipped: the sizes that follow from them are those that are published, and of real networks."""

import subprocess
import sys

import pytest

from raydoa.doctor.nodes import needed_memory
from raydoa.errors import UserError
from raydoa.models.known_configs import configured_names, known_config
from raydoa.models.lookup import (
    family_of,
    known_checkpoints,
    known_names,
    known_shape,
    own_models,
)
from raydoa.models.stack_shape import StackShape

PUBLISHED = {
    "HuggingFaceTB/SmolLM2-135M-Instruct": 134.5e6,
    "Qwen/Qwen3-0.6B": 596e6,
    "Qwen/Qwen3-1.7B": 1.72e9,
    "Qwen/Qwen3-4B": 4.02e9,
    "Qwen/Qwen3-8B": 8.19e9,
    "Qwen/Qwen3-14B": 14.77e9,
    "Qwen/Qwen3-32B": 32.76e9,
    "answerdotai/ModernBERT-base": 149e6,
    "answerdotai/ModernBERT-large": 395e6,
    "distilbert/distilbert-base-uncased": 66.4e6,
    "facebook/bart-base": 139.4e6,
    "facebook/bart-large": 406.3e6,
    "google/t5-v1_1-base": 247.6e6,
    "google/t5-v1_1-large": 783.2e6,
    "google/t5-v1_1-small": 77.0e6,
    "google/t5-v1_1-xl": 2.85e9,
    "google/t5-v1_1-xxl": 11.14e9,
    "meta-llama/Llama-3.1-8B": 8.03e9,
    "meta-llama/Llama-3.1-8B-Instruct": 8.03e9,
    "meta-llama/Llama-3.2-1B": 1.24e9,
    "meta-llama/Llama-3.2-1B-Instruct": 1.24e9,
    "meta-llama/Llama-3.2-3B": 3.21e9,
    "meta-llama/Llama-3.2-3B-Instruct": 3.21e9,
    "meta-llama/Llama-3.3-70B-Instruct": 70.6e9,
    "microsoft/deberta-v3-base": 184e6,  # 86 of layers and 98 of the embedding
    "microsoft/deberta-v3-large": 435e6,  # 304 and 131
    "sentence-transformers/all-MiniLM-L6-v2": 22.7e6,
}
"""Parameters by their publishers' model cards."""
MINILM = "sentence-transformers/all-MiniLM-L6-v2"


@pytest.mark.parametrize("name", configured_names())
def test_parameters_are_those_that_are_published(name: str) -> None:
    shape = known_shape(name)
    assert shape is not None
    assert shape.parameters == pytest.approx(PUBLISHED[name], rel=0.015)


@pytest.mark.parametrize("name", configured_names())
def test_a_file_names_its_source_and_the_family_that_takes_it(name: str) -> None:
    known = known_config(name)
    assert known is not None and known.source
    assert family_of(known.config, known.where).name == known.family
    assert not any(field.startswith("_") for field in known.config)


@pytest.mark.parametrize(
    "name",
    ["HuggingFaceTB/SmolLM2-135M-Instruct", "Qwen/Qwen3-8B", "answerdotai/ModernBERT-base",
     "distilbert/distilbert-base-uncased", "facebook/bart-base", "meta-llama/Llama-3.2-1B", "microsoft/deberta-v3-base", MINILM],
)  # fmt: skip
def test_a_network_of_the_configuration_has_as_many(name: str) -> None:
    """The network of transformers, without memory for its weights."""
    import torch
    from transformers import (
        AutoConfig,
        AutoModelForCausalLM,
        AutoModelForSeq2SeqLM,
        AutoModelForSequenceClassification,
    )

    known, shape = known_config(name), known_shape(name)
    assert known is not None and shape is not None
    kinds = {
        "causal": AutoModelForCausalLM,
        "encoder": AutoModelForSequenceClassification,
        "seq2seq": AutoModelForSeq2SeqLM,
    }
    with torch.device("meta"):
        network = kinds[known.family].from_config(AutoConfig.for_model(**known.config))
    counted = sum(weight.numel() for weight in network.parameters())
    assert shape.parameters == pytest.approx(counted, rel=0.01)


def test_a_name_with_brackets_is_sized_from_its_base() -> None:
    whole, two = known_shape(MINILM), known_shape(f"{MINILM}[layers=0,5]")
    assert isinstance(whole, StackShape) and isinstance(two, StackShape)
    assert two.layers == 2 and two.width == whole.width
    layer = 4 * 384**2 + 2 * 384 * 1536
    assert whole.parameters - two.parameters == 4 * layer


def test_a_lora_trains_few_of_the_weights_of_its_base() -> None:
    base, lora = known_shape("Qwen/Qwen3-32B"), known_shape("Qwen/Qwen3-32B[lora_r=16]")
    assert base is not None and lora is not None and lora.parameters == base.parameters
    assert lora.trained_parameters < 0.01 * base.trained_parameters
    # One GPU of 80 GB holds it, as docs/models.md says.
    assert needed_memory(lora, 1) < 75e9
    assert needed_memory(base, 4) > 80e9


def test_a_name_may_say_another_family() -> None:
    shape = known_shape("Qwen/Qwen3-0.6B[kind=encoder]")
    assert shape is not None and shape.family == "encoder" and shape.writes == "classes"


def test_what_is_not_known() -> None:
    assert known_shape("Qwen/Qwen3-9B") is None and known_shape("./Qwen--Qwen3-8B") is None
    # The file is named so, and no model is.
    assert known_shape("Qwen--Qwen3-8B") is None
    with pytest.raises(
        UserError, match=r"model .*MiniLM.*: layer 6 was chosen; it has layers 0 to 5"
    ):
        known_shape(f"{MINILM}[layers=6]")


def test_names_are_of_families_and_of_files() -> None:
    assert set(PUBLISHED) <= set(known_names())
    assert set(known_checkpoints()) == set(known_names()) - set(own_models())


def test_every_known_model_is_sized_in_a_plan_without_torch() -> None:
    code = "import sys; from raydoa.models.lookup import known_checkpoints; assert len(known_checkpoints()) > 20; print(*sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"torch", "transformers"} & set(found.stdout.split())


def test_memory_of_a_full_fine_tuning() -> None:
    """As the table of docs/models.md has it: 16 bytes a parameter over the GPUs, and what lies beside them."""
    qwen = known_shape("Qwen/Qwen3-8B")
    assert qwen is not None
    assert needed_memory(qwen, 8) / 1e9 == pytest.approx(28.3, abs=0.1)
    assert needed_memory(qwen, 1) / 1e9 == pytest.approx(143.0, abs=0.1)
