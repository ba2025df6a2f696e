from pathlib import Path

import pytest

from raydoa.costs.book_files import open_book
from raydoa.costs.prices import PriceBook
from raydoa.costs.unit_costs import UnitCosts, Work, read_calibration
from raydoa.errors import UserError
from raydoa.models.lookup import known_shape
from raydoa.models.seq2seq.shape import T5Shape

SMALL, BASE, LARGE, XL, XXL = (
    f"google/t5-v1_1-{size}" for size in ("small", "base", "large", "xl", "xxl")
)
ROW = """\
unit_costs:
- {operation: train_step, model: google/t5-v1_1-small, batch_size: 32, source_length: 128,
   target_length: 64, accelerator: a100-40gb, gpu_seconds: 0.5, basis: measured, source: ours}
"""


def t5(name: str) -> T5Shape:
    shape = known_shape(name)
    assert isinstance(shape, T5Shape)
    return shape


@pytest.mark.parametrize(
    ("model", "millions"),
    [
        ("small", 76.961),
        ("base", 247.578),
        ("large", 783.150),
        ("xl", 2849.757),
        ("xxl", 11135.332),
    ],
)
def test_parameters_of_t5_v1_1(model: str, millions: float) -> None:
    assert t5(f"google/t5-v1_1-{model}").parameters / 1e6 == pytest.approx(millions, abs=1e-3)


@pytest.mark.parametrize("gated", [True, False])
@pytest.mark.parametrize("tied", [True, False])
def test_a_shape_has_the_parameters_of_the_real_model(gated: bool, tied: bool) -> None:
    transformers = pytest.importorskip("transformers")
    config = transformers.T5Config(
        vocab_size=100,
        d_model=24,
        d_kv=8,
        d_ff=40,
        num_heads=2,
        num_layers=3,
        num_decoder_layers=2,
        feed_forward_proj="gated-gelu" if gated else "relu",
        tie_word_embeddings=tied,
    )
    shape = T5Shape.from_config(config.to_dict() | {"tie_word_embeddings": tied}, "here")
    model = transformers.T5ForConditionalGeneration(config)
    stacks = ("encoder", "decoder")
    body = sum(p.numel() for name, p in model.named_parameters() if name.startswith(stacks))
    assert body == shape.encoder_parameters + shape.decoder_parameters
    assert shape.parameters == body + (1 if tied else 2) * 100 * 24


def test_operations_are_two_per_weight_and_token() -> None:
    shape = t5(XXL)
    body = shape.parameters - shape.head_weights  # the embedding is looked up, not multiplied
    length = 8  # attention scores hardly count
    assert shape.forward_flops(length, length) == pytest.approx(2 * body * length, rel=1e-3)


def test_estimates_agree_with_the_run_that_their_utilisation_comes_from(
    unit_costs: UnitCosts,
) -> None:
    # 3 epochs of 287,113 rows on 8 GPUs: XXL at 8 rows a GPU in 10 h, XL at 72 in 2.5 h.
    for model, batch, hours in ((XXL, 64, 10), (XL, 576, 2.5)):
        measured = hours * 3600 * 8 / (3 * -(-287_113 // batch))
        estimate = unit_costs.lookup(Work("train_step", model, batch, 500, 129))
        assert estimate.gpu_seconds == pytest.approx(measured, rel=0.05)
        assert estimate.basis == "estimated"


def test_every_row_says_its_basis_and_source(unit_costs: UnitCosts) -> None:
    cost = unit_costs.lookup(Work("label_sequence", XXL, 32, 128, 64))
    assert cost.basis == "estimated"
    assert "FLAN-T5-XXL" in cost.source
    assert cost.accelerator == "a100-40gb"


@pytest.mark.parametrize("operation", ["train_step", "label_sequence"])
def test_more_work_never_costs_less(operation, unit_costs: UnitCosts) -> None:
    def seconds(model: str, batch: int, source: int, target: int) -> float:
        cost = unit_costs.lookup(Work(operation, model, batch, source, target)).gpu_seconds
        return cost * batch if operation == "label_sequence" else cost

    sizes = [seconds(model, 32, 128, 64) for model in (SMALL, BASE, LARGE, XL, XXL)]
    assert sizes == sorted(sizes)
    assert seconds(XXL, 32, 128, 64) < seconds(XXL, 64, 128, 64)
    assert seconds(XXL, 32, 128, 64) < seconds(XXL, 32, 256, 64) < seconds(XXL, 32, 256, 128)


def test_a_generated_token_takes_the_longest_of_its_three_bounds(book: PriceBook) -> None:
    shape, real = t5(XXL), book.accelerator("a100-40gb")
    no_wait = real.seconds_per_layer.model_copy(update={"value": 1e-9})
    compiled = real.model_copy(update={"seconds_per_layer": no_wait})
    both = book.model_copy(update={"accelerators": {"real": real, "none": compiled}})

    def per_token(accelerator: str, batch: int) -> float:
        at = UnitCosts(both, accelerator)
        long, short = (
            at.lookup(Work("label_sequence", XXL, batch, 1, t)).gpu_seconds for t in (9, 1)
        )
        return (long - short) * batch / 8

    launching = 24 * 0.0012255
    reading = 2 * (shape.decoder_parameters + shape.head_weights) / (1555e9 * 0.685)
    computing = 512 * shape.decoder_flops_per_token(1, 1) / (312e12 * 0.2)
    assert per_token("real", 1) == pytest.approx(launching)
    assert per_token("none", 1) == pytest.approx(reading, rel=0.01)
    assert per_token("none", 512) == pytest.approx(computing, rel=0.01)


def test_a_small_model_is_bound_by_launching_its_kernels(unit_costs: UnitCosts) -> None:
    step = unit_costs.lookup(Work("train_step", SMALL, 32, 128, 64)).gpu_seconds
    assert step == pytest.approx(3 * 16 * 0.0012255)
    assert unit_costs.lookup(Work("train_step", SMALL, 320, 128, 64)).gpu_seconds > step


def test_a_distill_step_adds_one_product_with_the_teachers_head(unit_costs: UnitCosts) -> None:
    plain = unit_costs.lookup(Work("train_step", LARGE, 32, 128, 64)).gpu_seconds
    soft = unit_costs.lookup(Work("distill_step", LARGE, 32, 128, 64, XXL)).gpu_seconds
    head = 2 * 32 * 64 * 4096 * 32128 / (312e12 * 0.2)
    assert soft - plain == pytest.approx(head)


def test_a_faster_gpu_takes_fewer_seconds(book: PriceBook, unit_costs: UnitCosts) -> None:
    h100 = UnitCosts(book, "h100-80gb")
    for operation in ("train_step", "label_sequence"):
        slow = unit_costs.lookup(Work(operation, XXL, 32, 128, 64)).gpu_seconds
        assert h100.lookup(Work(operation, XXL, 32, 128, 64)).gpu_seconds < slow


def test_measured_rows_come_first_and_only_where_they_fit(tmp_path: Path, book: PriceBook) -> None:
    path = tmp_path / "calibration.yaml"
    path.write_text(ROW)
    costs = UnitCosts(book, "a100-40gb", measured=read_calibration(path))
    assert costs.lookup(Work("train_step", SMALL, 32, 128, 64)).gpu_seconds == 0.5
    assert costs.lookup(Work("train_step", SMALL, 32, 128, 64)).basis == "measured"
    assert costs.lookup(Work("train_step", SMALL, 16, 128, 64)).basis == "estimated"
    elsewhere = UnitCosts(book, "h100-80gb", measured=read_calibration(path))
    assert elsewhere.lookup(Work("train_step", SMALL, 32, 128, 64)).basis == "estimated"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (ROW.replace("measured", "estimated"), "unit_costs.0.basis: found 'estimated'"),
        (ROW.replace("0.5", "0"), "unit_costs.0.gpu_seconds: found 0"),
        (ROW.replace("train_step", "distill_step"), "teacher is given for distill_step"),
        (ROW + ROW.removeprefix("unit_costs:\n"), "is there twice"),
    ],
)
def test_a_mistake_in_a_calibration_is_told(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "calibration.yaml"
    path.write_text(text)
    with pytest.raises(UserError, match=said):
        read_calibration(path)


def test_nano_models_cost_what_their_t5_does(embedded: PriceBook, unit_costs: UnitCosts) -> None:
    costs = UnitCosts(embedded, "a100-40gb")
    for nano, large in (("nano-s", SMALL), ("nano-m", LARGE), ("nano-l", XXL)):
        scaled = costs.lookup(Work("train_step", nano, 32, 24, 6))
        assert (
            scaled.gpu_seconds
            == unit_costs.lookup(Work("train_step", large, 32, 128, 64)).gpu_seconds
        )
        assert (scaled.basis, scaled.model, scaled.source_length) == ("scaled", nano, 24)
        assert scaled.source.startswith(f"priced as {large} at 128 source and 64 target tokens")
    soft = costs.lookup(Work("distill_step", "nano-s", 32, 24, 6, "nano-l"))
    large_soft = unit_costs.lookup(Work("distill_step", SMALL, 32, 128, 64, XXL))
    assert (soft.gpu_seconds, soft.teacher) == (large_soft.gpu_seconds, "nano-l")


def test_a_checkpoint_of_ones_own_is_priced_by_its_shape(book: PriceBook) -> None:
    costs = UnitCosts(book, "a100-40gb", shapes={"./mine": t5(LARGE)})
    mine = costs.lookup(Work("train_step", "./mine", 32, 128, 64)).gpu_seconds
    assert mine == costs.lookup(Work("train_step", LARGE, 32, 128, 64)).gpu_seconds


def test_unknown_models_are_told_and_unlike_vocabularies_cost_no_head(book: PriceBook) -> None:
    other = t5(LARGE).model_copy(update={"vocabulary": 250112})
    costs = UnitCosts(book, "a100-40gb", shapes={"mt5": other})
    with pytest.raises(UserError, match="did you mean 'google/t5-v1_1-xxl'"):
        costs.lookup(Work("train_step", "google/t5-v1_1-xxxl", 32, 128, 64))
    # Over another vocabulary its distribution is not learnt, so its head costs nothing.
    unlike = costs.lookup(Work("distill_step", SMALL, 32, 128, 64, "mt5"))
    assert unlike.gpu_seconds == costs.lookup(Work("train_step", SMALL, 32, 128, 64)).gpu_seconds
    # Unless tokens are aligned: then over those of both, which are as many as the smaller one has at most.
    aligned = UnitCosts(book, "a100-40gb", shapes={"mt5": other}, aligned=True)
    same = UnitCosts(book, "a100-40gb", shapes={"mt5": t5(LARGE)})
    work = Work("distill_step", SMALL, 1024, 128, 64, "mt5")
    priced = [one.lookup(work).gpu_seconds for one in (costs, aligned, same)]
    assert priced[0] < priced[1] == priced[2]
    with pytest.raises(UserError, match=r"config\.json: d_kv is missing"):
        T5Shape.from_config({"vocab_size": 1, "d_model": 1}, "config.json")
    with pytest.raises(UserError, match="accelerator 'tpu'"):
        UnitCosts(open_book("embedded"), "tpu").lookup(Work("train_step", SMALL, 1, 1, 1))
