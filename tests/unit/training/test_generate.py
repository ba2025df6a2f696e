from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from transformers import T5ForConditionalGeneration

from raydoa.errors import UnlabelableRow
from raydoa.models.seq2seq.generate import generate
from raydoa.models.seq2seq.loss import decoder_input, decoder_states
from raydoa.training.batches import Example, collate

Build = Callable[..., T5ForConditionalGeneration]
Rows = Callable[..., list[Example]]


@pytest.mark.parametrize("tied", [True, False], ids=["tied", "untied"])
def test_a_batch_writes_what_each_row_writes_alone(build: Build, rows: Rows, tied: bool) -> None:
    model, sources = build(tied=tied).eval(), rows(40)
    together = {g.row_id: g for g in generate(model, sources, most_tokens=7, batch_size=16)}
    assert set(together) == {row.row_id for row in sources}
    for alone in generate(model, sources, most_tokens=7, batch_size=1):
        assert alone.target_ids == together[alone.row_id].target_ids
        torch.testing.assert_close(
            alone.states, together[alone.row_id].states, rtol=1e-4, atol=1e-5
        )


@pytest.mark.parametrize("tied", [True, False], ids=["tied", "untied"])
def test_targets_and_states_are_those_of_a_second_pass(
    build: Build, rows: Rows, tied: bool
) -> None:
    model, sources = build(tied=tied, seed=3).eval(), rows(12)
    written = {g.row_id: g for g in generate(model, sources, most_tokens=6, batch_size=5)}
    truth = model.generate(
        **{"input_ids": (batch := collate(sources)).source, "attention_mask": batch.source_mask},
        max_new_tokens=6,
        do_sample=False,
    )
    for row, tokens in zip(sources, truth[:, 1:].tolist(), strict=True):
        found = written[row.row_id]
        assert list(found.target_ids) == tokens[: len(found.target_ids)]
        assert not any(tokens[len(found.target_ids) :]), "only padding follows"
        forced = collate([replace(row, target_ids=found.target_ids)])
        with torch.no_grad():
            states = decoder_states(model, forced)[0]
            logits = model(input_ids=forced.source, decoder_input_ids=decoder_input(forced)).logits[
                0
            ]
        torch.testing.assert_close(found.states, states, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(
            found.states @ model.lm_head.weight.T, logits, rtol=1e-4, atol=1e-4
        )


def test_one_pass_is_enough(build: Build, rows: Rows) -> None:
    model = build().eval()
    calls = {"encoder": 0, "decoder": 0, "tokens": 0}

    def count(name: str) -> Callable[..., None]:
        def hook(_module: object, _args: object, kwargs: dict[str, torch.Tensor]) -> None:
            calls[name] += 1
            calls["tokens"] += kwargs["input_ids"].shape[1] if name == "decoder" else 0

        return hook

    for name in ("encoder", "decoder"):
        getattr(model, name).register_forward_pre_hook(count(name), with_kwargs=True)
    written = list(generate(model, rows(4), most_tokens=9, batch_size=4))
    steps = max(len(g.target_ids) for g in written)
    assert calls == {"encoder": 1, "decoder": steps, "tokens": steps}


def test_a_target_ends_at_the_end_or_is_cut_off(build: Build, rows: Rows) -> None:
    model = build().eval()
    with torch.no_grad():
        model.lm_head.weight[1] *= 3
    lengths = set()
    for written in generate(model, rows(60), most_tokens=5, batch_size=32):
        ended = written.target_ids[-1] == 1
        assert 1 not in written.target_ids[:-1] and (ended or len(written.target_ids) == 5)
        assert len(written.states) == len(written.target_ids)
        lengths.add(len(written.target_ids))
    assert len(lengths) > 1, "the test sees both short and long targets"


def test_a_bfloat16_teachers_states_give_its_tokens(build: Build, rows: Rows) -> None:
    model = build().eval().bfloat16()
    for written in generate(model, rows(10), most_tokens=5, batch_size=4):
        assert written.states.dtype == torch.bfloat16
        logits = written.states @ model.lm_head.weight.T
        assert logits.argmax(-1).tolist() == list(written.target_ids)


def test_states_can_be_trained_on(build: Build, rows: Rows) -> None:
    (written,) = generate(build().eval(), rows(1), most_tokens=3, batch_size=1)
    assert not written.states.is_inference() and not written.states.requires_grad


@pytest.mark.parametrize(
    ("ids", "why"),
    [
        ((), "no tokens"),
        ((5, 64, 1), "token id 64 is outside"),
        ((-2, 1), "token id -2 is outside"),
    ],
)
def test_a_row_of_bad_ids_is_named(
    build: Build, rows: Rows, ids: tuple[int, ...], why: str
) -> None:
    sources = [*rows(5), Example("the bad one", ids, ())]
    with pytest.raises(UnlabelableRow, match=rf"row the bad one .*{why}") as caught:
        list(generate(build().eval(), sources, most_tokens=3, batch_size=4))
    assert caught.value.row_id == "the bad one"


def test_states_that_are_not_finite_name_their_row(build: Build, rows: Rows) -> None:
    model = build().eval()
    sources = [replace(r, source_ids=[t for t in r.source_ids if t != 63]) for r in rows(8)]
    sources[5] = replace(sources[5], source_ids=[4, 63, 1])
    with torch.no_grad():
        model.shared.weight[63] = torch.nan
    with pytest.raises(UnlabelableRow, match=f"row {sources[5].row_id} .*not finite"):
        list(generate(model, sources, most_tokens=3, batch_size=8))


class _Stumbles(torch.nn.Module):
    """An embedding that fails where it sees one token, as a kernel might."""

    def __init__(self, inner: torch.nn.Embedding, on: int) -> None:
        super().__init__()
        self.inner, self.on, self.calls = inner, on, 0

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        if bool((ids == self.on).any()):
            raise RuntimeError("kernel failed\nsomewhere")
        return self.inner(ids)


def test_a_failing_batch_is_tried_row_by_row_and_the_row_named(build: Build, rows: Rows) -> None:
    model = build().eval()
    model.encoder.embed_tokens = _Stumbles(model.shared, on=63)
    sources = [replace(r, source_ids=[t for t in r.source_ids if t != 63]) for r in rows(8)]
    assert len(list(generate(model, sources, most_tokens=3, batch_size=8))) == 8
    sources[2] = replace(sources[2], source_ids=[4, 63, 1])
    with pytest.raises(UnlabelableRow, match=r"row row-2 cannot be labelled: kernel failed; mend"):
        list(generate(model, sources, most_tokens=3, batch_size=8))


def test_running_out_of_memory_is_no_rows_fault(build: Build, rows: Rows) -> None:
    model = build().eval()

    def full(*_: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    model.encoder.register_forward_pre_hook(full)
    with pytest.raises(torch.OutOfMemoryError):
        list(generate(model, rows(3), most_tokens=3, batch_size=2))
