"""A decoder-only model that is open: what it writes, what is kept of it, and its files."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from raydoa.errors import UnlabelableRow, UserError
from raydoa.models.causal.family import Causal
from raydoa.models.causal.generate import generate_batch
from raydoa.models.causal.model import CausalModel
from raydoa.models.family import Opening
from raydoa.models.head import load_head
from raydoa.models.hub import read_config
from raydoa.models.lookup import family_at, shape_at
from raydoa.models.objective import Objective
from raydoa.models.stack_shape import StackShape
from raydoa.training.batches import Example
from tests.unit.decoders import KINDS, PLAIN, decoder, write_decoder

Rows = Callable[..., list[Example]]
OBJECTIVE = Objective("classes", ("YES", "NO"))


def opened(folder: Path, **options: Any) -> CausalModel:
    model = Causal().open(folder, Opening(**options))
    assert isinstance(model, CausalModel)
    model.network.eval()
    return model


@pytest.mark.parametrize("kind", KINDS)
def test_a_batch_writes_what_each_row_writes_alone(kind: str, rows: Rows) -> None:
    network, end = decoder(kind, 40), 3
    sources = rows(12)
    options: dict[str, Any] = {"most_tokens": 6, "end": end, "keep_states": True}
    for row, found in zip(sources, generate_batch(network, sources, **options), strict=True):
        ids = list(row.source_ids)
        states = []
        for _ in range(6):
            out = network(input_ids=torch.tensor([ids]), output_hidden_states=True)
            states.append(out.hidden_states[-1][0, -1])
            ids.append(int(out.logits[0, -1].argmax()))
            if ids[-1] == end:
                break
        assert list(found.target_ids) == ids[len(row.source_ids) :]
        assert found.states is not None and not found.states.is_inference()
        torch.testing.assert_close(found.states, torch.stack(states), rtol=1e-3, atol=1e-4)


def test_what_ends_is_cut_there(rows: Rows) -> None:
    network = decoder("llama", 40)
    with torch.no_grad():
        network.lm_head.weight[3] *= 3
    written = generate_batch(network, rows(20), most_tokens=6, end=3, keep_states=True)
    lengths = {len(g.target_ids) for g in written}
    assert len(lengths) > 1
    for g in written:
        assert 3 not in g.target_ids[:-1] and (g.target_ids[-1] == 3 or len(g.target_ids) == 6)
        assert g.states is not None and len(g.states) == len(g.target_ids)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_states_times_the_head_are_the_tokens(tmp_path: Path, kind: str, precision: str) -> None:
    model = opened(write_decoder(tmp_path, kind), precision=precision)
    sources = [
        Example(str(i), ids, ())
        for i, ids in enumerate(model.source_ids(["acid base", "salt", "water heat cool"], 32))
    ]
    written = list(model.generate(sources, most_tokens=4, batch_size=2))
    assert len(written) == 3
    if kind not in PLAIN:
        assert all(g.states is None for g in written)
        with pytest.raises(UserError, match="changes what its head gives.*--representation text"):
            _ = model.head
        return
    for g in written:
        assert g.states is not None and g.states.dtype == getattr(torch, precision)
        assert (g.states @ model.head.T).argmax(-1).tolist() == list(g.target_ids)
    assert model.outputs == len(model.head) == model.head.shape[0]


@pytest.mark.parametrize("kind", ["qwen3", "llama", "gemma2"])
def test_classes_by_likelihood(tmp_path: Path, kind: str) -> None:
    model = opened(write_decoder(tmp_path, kind), objective=OBJECTIVE)
    assert model.outputs == 2 and model.output_space == OBJECTIVE.fingerprint
    ids = model.source_ids(["acid base", "salt", "water heat cool mix"], 32)
    sources = [Example(str(i), row, ()) for i, row in enumerate(ids)]
    together = {g.row_id: g for g in model.generate(sources, most_tokens=4, batch_size=3)}
    for alone in model.generate(sources, most_tokens=4, batch_size=1):
        found = together[alone.row_id].log_probs
        assert found is not None and alone.log_probs is not None and found.shape == (1, 2)
        torch.testing.assert_close(found, alone.log_probs, rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(found.exp().sum(), torch.tensor(1.0))
        (index,) = together[alone.row_id].target_ids
        assert model.texts([[index]], [""]) == [OBJECTIVE.names[index]]
    bad = replace(sources[0], source_ids=(5, 10**6))
    with pytest.raises(UnlabelableRow, match="token id 1000000 is outside"):
        list(model.generate([bad], most_tokens=4, batch_size=1))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("given", [False, True], ids=["own", "state"])
def test_what_is_saved_is_what_was_open(tmp_path: Path, kind: str, given: bool) -> None:
    model = opened(write_decoder(tmp_path / "a", kind))
    state = {name: t.clone() for name, t in model.network.state_dict().items()} if given else None
    model.save(tmp_path / "b", state)
    again = opened(tmp_path / "b")
    ids = torch.tensor([[5, 6, 7]])
    torch.testing.assert_close(
        again.network(input_ids=ids).logits, model.network(input_ids=ids).logits
    )
    kept = load_file(tmp_path / "b" / "model.safetensors")
    tied = model.network.config.tie_word_embeddings
    assert sum(
        len(t) == model.network.config.vocab_size and t.dim() == 2 for t in kept.values()
    ) == (1 if tied else 2)
    assert (tmp_path / "b" / "head.safetensors").exists() == (kind in PLAIN)
    if kind in PLAIN:
        torch.testing.assert_close(load_head(tmp_path / "b"), model.head)
    config = read_config(tmp_path / "b")
    assert config["pad_token_id"] is not None and config["eos_token_id"] == model.prompt.end


def test_a_tied_state_may_lack_its_head(tmp_path: Path) -> None:
    model = opened(write_decoder(tmp_path / "a"))
    state = {n: t for n, t in model.network.state_dict().items() if n != "lm_head.weight"}
    model.save(tmp_path / "b", state)
    torch.testing.assert_close(load_head(tmp_path / "b"), model.head)
    torch.testing.assert_close(opened(tmp_path / "b").head, model.head)


def test_the_token_that_pads_is_learnt_all_the_same(tmp_path: Path) -> None:
    model = opened(write_decoder(tmp_path / "a", "llama", chat=None))
    model.save(tmp_path / "b")
    again = opened(tmp_path / "b")
    pad = int(again.network.config.pad_token_id)
    assert pad == again.prompt.end == 0
    embedding = again.network.get_input_embeddings()
    again.network(input_ids=torch.tensor([[pad, 5]])).logits.square().sum().backward()
    assert float(embedding.weight.grad[pad].norm()) > 0


def test_a_checkpoint_without_its_head_is_refused(tmp_path: Path) -> None:
    folder = write_decoder(tmp_path, "llama")
    weights = load_file(folder / "model.safetensors")
    from safetensors.torch import save_file

    del weights["lm_head.weight"]
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(UserError, match=r"lack 1 tensors of its config, such as lm_head.weight"):
        Causal().open(folder)


def test_dropout_is_the_recipes(tmp_path: Path) -> None:
    folder = write_decoder(tmp_path, "gpt2")
    for rate in (0.0, 0.25):
        network = Causal().open(folder, Opening(dropout=rate)).network
        rates = {m.p for m in network.modules() if isinstance(m, torch.nn.Dropout)}
        assert rates == {rate}


@pytest.mark.parametrize("kind", KINDS)
def test_its_shape_is_read_from_its_configuration(tmp_path: Path, kind: str) -> None:
    folder = write_decoder(tmp_path, kind)
    assert family_at(folder).name == "causal"
    shape = shape_at(folder)
    assert isinstance(shape, StackShape)
    network = Causal().open(folder).network
    assert shape.writes == ("tokens" if kind in PLAIN else "text")
    assert shape.outputs == network.config.vocab_size
    assert abs(shape.parameters / sum(p.numel() for p in network.parameters()) - 1) < 0.07
    built = Causal().build(shape)
    examples = built.random_examples(3, 9, 4)
    assert {(len(e.source_ids), len(e.target_ids)) for e in examples} == {(9, 4)}
    built.network.eval()
    assert {len(g.target_ids) for g in built.generate(examples, most_tokens=4, batch_size=3)} == {4}


def test_entities_are_written_as_text() -> None:
    family = Causal()
    assert family.objective(Objective("entities", ("Action",))) is None
    assert family.objective(None) is None and family.objective(OBJECTIVE) == OBJECTIVE
