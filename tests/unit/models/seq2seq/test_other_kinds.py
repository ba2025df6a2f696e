"""Encoder-decoders that are no T5: their shapes, ids, states, losses and files, against transformers' own logits."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForSeq2SeqLM, MarianTokenizer, MBartTokenizer

from raydoa.errors import UserError
from raydoa.models.family import Device, Model
from raydoa.models.head import load_head
from raydoa.models.lookup import family_at, shape_at
from raydoa.models.objective import Objective
from raydoa.models.seq2seq.bart_shape import BART_KINDS, BartShape
from raydoa.models.seq2seq.family import Seq2Seq
from raydoa.models.seq2seq.loss import class_scores, decoder_states
from raydoa.models.seq2seq.output_head import OutputHead
from raydoa.models.seq2seq.pieces import TextPieces
from raydoa.models.seq2seq.shape import T5Shape
from raydoa.training.batches import Example, collate
from raydoa.training.soft_labels import ClassLabels, HiddenLabels
from tests.unit.checkpoints import vocabulary, write_checkpoint
from tests.unit.seq2seqs import byte_pieces, small_config, write_multilingual, write_seq2seq
from tests.unit.world import rows

TEXTS = [row["source"] for row in rows(8)]
TARGETS = [text[: 3 * i + 3] for i, text in enumerate(TEXTS)]
CLASSES = Objective("classes", ("no", "no answer", "yes"))
KINDS = ("bart", "mbart", "pegasus", "marian", "mt5", "umt5")


def written(folder: Path, kind: str, seed: int = 0) -> Path:
    return (write_multilingual if kind.endswith("mt5") else write_seq2seq)(folder, kind, seed=seed)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    place = tmp_path_factory.mktemp("kinds")

    def of(name: str) -> Path:
        kind, _, seed = name.partition(" ")
        made = place / name
        return made if made.exists() else written(made, kind, int(seed or 0))

    return of


def opened(folder: Path, **options: Any) -> Model:
    model = family_at(folder).open(folder, **options)
    model.network.eval()
    return model


def examples(model: Model) -> list[Example]:
    sources = model.source_ids(TEXTS, 16)
    targets = model.target_ids(TARGETS, 12, TEXTS, 16)
    return [Example(str(i), s, t) for i, (s, t) in enumerate(zip(sources, targets, strict=True))]


def live_logits(network: Any, row: Example) -> torch.Tensor:
    """Of one row alone, as transformers shifts its labels: without padding, so no mask is needed."""
    labels = torch.tensor([list(row.target_ids)])
    start = torch.tensor([[network.config.decoder_start_token_id]])
    shifted = torch.cat([start, labels[:, :-1]], 1)
    found: torch.Tensor = network(
        input_ids=torch.tensor([list(row.source_ids)]), decoder_input_ids=shifted
    ).logits[0]
    return found


def gradients(network: Any, loss: torch.Tensor) -> torch.Tensor:
    parameters = [p for p in network.parameters() if p.requires_grad]
    found = torch.autograd.grad(loss, parameters, allow_unused=True, materialize_grads=True)
    return torch.cat([g.flatten() for g in found])


@pytest.mark.parametrize("kind", BART_KINDS)
def test_the_shape_and_the_states_of_each_kind_are_those_of_its_network(kind: str) -> None:
    config = small_config(kind)
    torch.manual_seed(0)
    network = AutoModelForSeq2SeqLM.from_config(config).eval()
    if hasattr(network, "final_logits_bias"):
        network.final_logits_bias.normal_()
    shape = Seq2Seq().shape(json.loads(config.to_json_string(use_diff=False)), "here")
    assert shape.parameters == pytest.approx(sum(p.numel() for p in network.parameters()), rel=0.02)
    assert Seq2Seq().takes(config.to_dict())
    batch = collate(
        [
            Example("a", [5, 6, 7, 8, 9, 2], [0, 5, 6, 2]),
            Example("b", [5, 9, 2], [0, 8, 7, 3, 6, 2]),
        ]
    )
    with torch.no_grad():
        found = OutputHead(network)(decoder_states(network, batch))
        for i, row in enumerate(([5, 6, 7, 8, 9, 2], [5, 9, 2])):
            alone = Example("a", row, batch.target[i][batch.target_mask[i]].tolist())
            wanted = live_logits(network, alone)
            torch.testing.assert_close(found[i, : len(wanted)], wanted, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", ["marian", "bart"])
def test_matrices_that_are_not_shared_are_counted(kind: str) -> None:
    apart = {"share_encoder_decoder_embeddings": False, "decoder_vocab_size": 200}
    config = small_config(kind, **(apart if kind == "marian" else {"tie_word_embeddings": False}))
    network = AutoModelForSeq2SeqLM.from_config(config)
    shape = BartShape.from_config(config.to_dict(), "here")
    assert shape.outputs == network.get_output_embeddings().out_features
    held = sum(p.numel() for p in network.parameters())
    assert shape.parameters == pytest.approx(held, rel=0.02)


@pytest.mark.parametrize("kind", ["t5", "mt5", "umt5"])
def test_all_parameters_of_the_t5s_are_counted(tmp_path: Path, kind: str) -> None:
    folder = write_checkpoint(tmp_path / "t5") if kind == "t5" else written(tmp_path / kind, kind)
    network = opened(folder).network
    assert sum(p.numel() for p in network.parameters()) == shape_at(folder).parameters


def test_sizes_of_models_that_people_know() -> None:
    bart = {
        "model_type": "bart", "vocab_size": 50265, "d_model": 768, "encoder_layers": 6, "decoder_layers": 6,
        "encoder_ffn_dim": 3072, "decoder_ffn_dim": 3072, "encoder_attention_heads": 12, "max_position_embeddings": 1024,
    }  # fmt: skip
    small = {
        "d_model": 512, "d_kv": 64, "d_ff": 1024, "num_heads": 6, "num_layers": 8, "num_decoder_layers": 8,
        "feed_forward_proj": "gated-gelu", "tie_word_embeddings": False,
    }  # fmt: skip
    mt5 = {**small, "model_type": "mt5", "vocab_size": 250112}
    umt5 = {**small, "model_type": "umt5", "vocab_size": 256384}
    sizes = {139.42e6: bart, 300.18e6: mt5, 306.60e6: umt5}
    device = Device(1e14, 1e12, 1e-5)
    for known, config in sizes.items():
        shape = Seq2Seq().shape(config, "here")
        assert shape.parameters == pytest.approx(known, rel=0.005)
        assert shape.training_seconds(device, 8, 64, 16) > 0 and shape.training_bytes(1) > known
        assert shape.labelling_seconds(device, 8, 64, 16) > shape.labelling_seconds(
            device, 8, 64, 8
        )


def test_a_bart_takes_the_operations_of_a_t5_of_its_dimensions() -> None:
    bart = BartShape.from_config(small_config("bart", encoder_ffn_dim=24).to_dict(), "here")
    t5 = T5Shape(
        vocabulary=300, d_model=16, d_kv=8, d_ff=24, heads=2, encoder_layers=2, decoder_layers=1, gated=False,
    )  # fmt: skip
    assert bart.forward_flops(20, 7) == t5.forward_flops(20, 7)
    assert bart.activation_bytes(20, 7) == t5.activation_bytes(20, 7)


@pytest.mark.parametrize("kind", KINDS)
def test_targets_are_what_the_model_is_trained_on(folder: Callable[[str], Path], kind: str) -> None:
    model = opened(folder(kind))
    ids = model.target_ids(TARGETS, 64, TEXTS, 64)
    end, begins = (1, None) if kind.endswith("mt5") else (2, 0)
    assert all(row[-1] == end and row.count(end) == 1 for row in ids)
    if kind in ("bart", "mbart"):
        assert all(row[0] == begins for row in ids)
    assert model.texts([[*row, 5, 6] for row in ids], TEXTS) == TARGETS
    assert [len(row) for row in model.target_ids(TARGETS[-1:], 4, TEXTS, 4)] == [4]
    assert model.target_ids(TARGETS[-1:], 4, TEXTS, 4)[0][-1] == end
    assert {row[-1] for row in model.source_ids(TEXTS, 4)} == {end}


@pytest.mark.parametrize("kind", KINDS)
def test_gold_loss_is_cross_entropy_of_each_row_alone(
    folder: Callable[[str], Path], kind: str
) -> None:
    model = opened(folder(kind))
    batch = examples(model)
    wanted = sum(
        torch.nn.functional.cross_entropy(
            live_logits(model.network, row), torch.tensor(list(row.target_ids)), reduction="sum"
        )
        for row in batch
    )
    assert isinstance(wanted, torch.Tensor)
    truth = gradients(model.network, wanted)
    loss = model.loss()
    model.network.eval()
    found = loss(collate(batch), 1.0)
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(gradients(model.network, found), truth, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("kind", KINDS)
def test_states_that_are_kept_give_the_models_own_logits(
    folder: Callable[[str], Path], kind: str
) -> None:
    """As `distil` reads them: the head from its file, the states of all that was written."""
    model = opened(folder(kind))
    ends = set()
    for one in model.generate(examples(model), most_tokens=5, batch_size=3):
        row = replace(examples(model)[int(one.row_id)], target_ids=one.target_ids)
        with torch.no_grad():
            wanted = live_logits(model.network, row)
        assert one.states is not None
        torch.testing.assert_close(one.states @ model.head.T, wanted, rtol=1e-3, atol=1e-3)
        assert list(one.target_ids) == wanted.argmax(-1).tolist()
        ends.add(one.target_ids)
    assert len(ends) > 1


@pytest.mark.parametrize("temperature", [1.0, 2.0])
@pytest.mark.parametrize(
    ("teacher", "student"),
    [("bart 1", "bart"), ("mt5 1", "mt5"), ("umt5 1", "mt5"), ("marian 1", "marian"), ("marian 1", "pegasus"), ("pegasus", "marian")],
)  # fmt: skip
def test_distillation_is_the_kl_to_the_live_teacher(
    folder: Callable[[str], Path], teacher: str, student: str, temperature: float
) -> None:
    taught, learns = opened(folder(teacher)), opened(folder(student))
    batch = examples(learns)
    wanted = torch.zeros(())
    for row in batch:
        with torch.no_grad():
            theirs = torch.log_softmax(live_logits(taught.network, row) / temperature, -1)
        ours = torch.log_softmax(live_logits(learns.network, row) / temperature, -1)
        wanted = wanted + temperature**2 * (theirs.exp() * (theirs - ours)).sum()
    truth = gradients(learns.network, wanted)
    with torch.no_grad():
        states = decoder_states(taught.network, collate(batch))
    soft = [
        replace(row, soft=HiddenLabels(states[i, : len(row.target_ids)].clone()))
        for i, row in enumerate(batch)
    ]
    loss = learns.loss(teacher_head=taught.head, temperature=temperature, chunk_tokens=7)
    learns.network.eval()
    found = loss(collate(soft), 1.0)
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-4)
    relative = (gradients(learns.network, found) - truth).norm() / truth.norm()
    assert float(relative) < 1e-4


@pytest.mark.parametrize("kind", ["t5", *KINDS])
def test_class_scores_are_those_of_a_pass_for_each_class(
    folder: Callable[[str], Path], tmp_path: Path, kind: str
) -> None:
    place = write_checkpoint(tmp_path / "t5") if kind == "t5" else folder(kind)
    model = opened(place, objective=CLASSES)
    batch = examples(model)
    of_classes = model.target_ids(CLASSES.names, 64, TEXTS, 64)
    scores = []
    for row in batch:
        for ids in of_classes:
            logits = live_logits(model.network, replace(row, target_ids=ids))
            scores.append(torch.log_softmax(logits, -1)[range(len(ids)), ids].sum())
    wanted = torch.stack(scores).view(len(batch), len(CLASSES.names))
    found = class_scores(model.network, collate(batch), model._classes)
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-4)
    of_rows = torch.randn(wanted.shape, generator=torch.Generator().manual_seed(0))
    truth = gradients(model.network, (wanted * of_rows).sum())
    relative = (gradients(model.network, (found * of_rows).sum()) - truth).norm() / truth.norm()
    assert float(relative) < 1e-4
    for one in model.generate(batch, most_tokens=1, batch_size=3):
        theirs = torch.log_softmax(wanted[int(one.row_id)].detach(), -1)
        torch.testing.assert_close(one.log_probs[0], theirs, rtol=1e-3, atol=1e-3)
    soft = [replace(row, soft=ClassLabels(torch.log_softmax(of_rows[i : i + 1], -1))) for i, row in enumerate(batch)]  # fmt: skip
    assert float(model.loss(temperature=2.0)(collate(soft), 1.0)) > 0


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("replaced", [False, True], ids=["own", "state"])
def test_what_is_saved_gives_the_same_logits_to_everybody(
    folder: Callable[[str], Path], tmp_path: Path, kind: str, replaced: bool
) -> None:
    """`state`: as under ZeRO-3, where the model's own weights are in parts."""
    model, source = opened(folder(kind), dropout=0.1), opened(folder(kind))
    if replaced:
        source = opened(folder(f"{kind} 1"))
    model.save(tmp_path / "a", dict(source.network.state_dict()) if replaced else None)
    again = opened(tmp_path / "a")
    again.save(tmp_path / "b")
    assert again.input_space == model.input_space and again.output_space == model.output_space
    assert family_at(tmp_path / "b").output_space(tmp_path / "b") == model.output_space
    assert shape_at(tmp_path / "b").parameters == shape_at(folder(kind)).parameters
    [row, *_] = examples(model)
    with torch.no_grad():
        wanted = live_logits(source.network, row)
        for place in ("a", "b"):
            theirs = AutoModelForSeq2SeqLM.from_pretrained(tmp_path / place).eval()
            for network in (theirs, opened(tmp_path / place).network):
                assert torch.equal(live_logits(network, row), wanted)
                tied = network.get_output_embeddings().weight.data_ptr() == (
                    network.get_input_embeddings().weight.data_ptr()
                )
                assert tied is not kind.endswith("mt5")
    assert torch.equal(load_head(tmp_path / "b"), source.head)
    assert source.head.shape[1] == 16 + (kind == "marian")


def set_generation(folder: Path, **settings: Any) -> None:
    path = folder / "generation_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **settings}))


def test_an_id_that_must_come_first_and_one_that_never_may(tmp_path: Path) -> None:
    place = write_seq2seq(tmp_path / "bart")
    set_generation(place, forced_bos_token_id=0)
    model = opened(place)
    plain = {
        one.row_id: one for one in model.generate(examples(model), most_tokens=6, batch_size=8)
    }
    assert {one.target_ids[0] for one in plain.values()} == {0}
    banned = next(one.target_ids[1] for one in plain.values() if one.target_ids[1] != 2)
    set_generation(place, bad_words_ids=[[banned]])
    model = opened(place)
    rest = list(model.generate(examples(model), most_tokens=6, batch_size=8))
    assert not any(banned in one.target_ids for one in rest)
    assert any(banned in one.target_ids for one in plain.values())
    with torch.no_grad():
        row = replace(examples(model)[int(rest[0].row_id)], target_ids=rest[0].target_ids)
        wanted = live_logits(model.network, row)
    torch.testing.assert_close(rest[0].states @ model.head.T, wanted, rtol=1e-3, atol=1e-3)


def test_a_first_id_that_the_tokenizer_does_not_write_is_refused(tmp_path: Path) -> None:
    write_seq2seq(tmp_path / "m", "pegasus")
    set_generation(tmp_path / "m", forced_bos_token_id=7)
    with pytest.raises(
        UserError, match=r"begin with id 7 .* its tokenizer with none; set"
    ) as caught:
        opened(tmp_path / "m")
    assert "\n" not in str(caught.value)


def test_a_tokenizer_of_another_language_is_another_space(tmp_path: Path) -> None:
    """mBART's decoder begins with the language that stands behind a target's end."""
    write_seq2seq(tmp_path / "m", "mbart", decoder_start_token_id=None)
    (tmp_path / "m" / "tokenizer_config.json").unlink()
    (tmp_path / "m" / "tokenizer.json").unlink()
    words = ["<s>", "<pad>", "</s>", "<unk>", "▁no", "▁yes", "▁", "▁answer"]
    made = MBartTokenizer(vocab=[(word, 0.0) for word in words], src_lang="en_XX", tgt_lang="de_DE")
    made.save_pretrained(tmp_path / "m")
    model = opened(tmp_path / "m")
    german = made.convert_tokens_to_ids("de_DE")
    assert model.network.config.decoder_start_token_id == german
    assert model.target_ids(["yes no"], 9, [""], 9) == [[5, 4, 2]]
    assert model.source_ids(["yes no"], 9) == [[5, 4, 2, made.convert_tokens_to_ids("en_XX")]]
    made.tgt_lang = "fr_XX"
    MBartTokenizer(vocab=[(w, 0.0) for w in words], src_lang="en_XX", tgt_lang="fr_XX").save_pretrained(tmp_path / "f")  # fmt: skip
    assert TextPieces(tmp_path / "f").fingerprint != model.output_space
    plain = byte_pieces()
    plain.save_pretrained(tmp_path / "m")
    with pytest.raises(UserError, match="decoder_start_token_id is missing, and its tokenizer"):
        opened(tmp_path / "m")


def test_a_marian_reads_and_writes_with_two_vocabularies(tmp_path: Path) -> None:
    """Their tokenizers have no `tokenizer.json`."""
    pieces = vocabulary()
    for name in ("source.spm", "target.spm"):
        pieces.save(tmp_path)
        (tmp_path / "spiece.model").rename(tmp_path / name)
    words = ["<unk>", "</s>", "<pad>"]
    words += [p for p in map(pieces._pieces.id_to_piece, range(pieces.size)) if p not in words]
    (tmp_path / "vocab.json").write_text(json.dumps({word: i for i, word in enumerate(words)}))
    made = MarianTokenizer(str(tmp_path / "source.spm"), str(tmp_path / "target.spm"), str(tmp_path / "vocab.json"))  # fmt: skip
    made.save_pretrained(tmp_path / "tokenizer")
    tokenizer = TextPieces(tmp_path / "tokenizer")
    ids = tokenizer.targets(TARGETS, 64)
    assert all(row[-1] == 1 for row in ids) and tokenizer.decode(ids) == TARGETS
    assert all(len(row) <= 5 for row in tokenizer.encode(TEXTS, 5))
    tokenizer.save(tmp_path / "again")
    assert TextPieces(tmp_path / "again").fingerprint == tokenizer.fingerprint
    assert TextPieces(tmp_path / "again").targets(TARGETS, 64) == ids


@pytest.mark.parametrize("kind", ["t5", "mt5", "bart"])
def test_an_encoder_alone_is_refused(tmp_path: Path, kind: str) -> None:
    made = tmp_path / "m"
    _ = write_checkpoint(made) if kind == "t5" else written(made, kind)
    weights = load_file(made / "model.safetensors")
    kept = {name: w for name, w in weights.items() if "decoder." not in name}
    assert len(kept) < len(weights)
    save_file(kept, made / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(UserError, match="weights lack .* such as (model.)?decoder") as caught:
        opened(made)
    assert "\n" not in str(caught.value)
    config = json.loads((made / "config.json").read_text())
    config["architectures"] = [f"{kind.upper()}EncoderModel"]
    (made / "config.json").write_text(json.dumps(config))
    for look in (shape_at, opened):
        with pytest.raises(UserError, match=r"config.json: \w+EncoderModel is an encoder alone"):
            look(made)


def test_a_bart_whose_own_head_is_lost_is_refused(tmp_path: Path) -> None:
    made = write_seq2seq(tmp_path / "m", tie_word_embeddings=False)
    weights = load_file(made / "model.safetensors")
    del weights["lm_head.weight"]
    save_file(weights, made / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(UserError, match="weights lack 1 tensors .* lm_head.weight"):
        opened(made)


def test_encoder_decoders_that_are_not_known_are_refused_by_their_configuration() -> None:
    for kind in ("fsmt", "voxtral", "t5gemma"):
        assert Seq2Seq().takes({"model_type": kind})
        with pytest.raises(UserError, match=f"here: model_type is '{kind}'; encoder-decoders that"):
            Seq2Seq().shape({"model_type": kind}, "here")
    with pytest.raises(UserError, match="here: d_model is missing; expected the config of a bart"):
        Seq2Seq().shape({"model_type": "bart"}, "here")
    broken = {**small_config("bart").to_dict(), "max_position_embeddings": "x"}
    with pytest.raises(UserError, match="here: max_position_embeddings: "):
        Seq2Seq().shape(broken, "here")
    assert not Seq2Seq().takes({"model_type": "bert"}) and not Seq2Seq().takes({})


def test_a_class_without_tokens_is_refused(folder: Callable[[str], Path]) -> None:
    with pytest.raises(UserError, match="a bart: class '' has no tokens"):
        opened(folder("bart"), objective=Objective("classes", ("yes", "")))


@pytest.mark.parametrize("kind", ["bart", "umt5"])
def test_a_network_can_be_built_to_measure_its_speed(
    folder: Callable[[str], Path], kind: str
) -> None:
    shape = shape_at(folder(kind))
    model = Seq2Seq().build(shape)
    held = sum(p.numel() for p in model.network.parameters())
    assert held == pytest.approx(shape.parameters, rel=0.02)
    rows = model.random_examples(3, 9, 4)
    loss = model.loss(activation_checkpointing=True)(collate(rows), 1.0)
    loss.backward()
    assert float(loss) > 0 and model.network.get_input_embeddings().weight.grad is not None
