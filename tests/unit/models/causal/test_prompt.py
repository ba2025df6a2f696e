from pathlib import Path
from typing import Any

import pytest

from raydoa.errors import UserError
from raydoa.models.causal.family import Causal
from raydoa.models.causal.prompt import Prompt
from raydoa.models.family import Opening
from raydoa.models.objective import Objective
from raydoa.models.word_pieces import WordPieces
from tests.unit.decoders import CHAT, byte_pieces, write_decoder


def prompt_of(folder: Path, **options: Any) -> tuple[Any, Prompt]:
    folder.mkdir(exist_ok=True)
    tokenizer = byte_pieces(**options)
    tokenizer.save_pretrained(folder)
    (folder / "config.json").write_text("{}", encoding="utf-8")
    return tokenizer, Prompt(WordPieces(folder), folder)


def test_a_source_is_a_users_message_and_the_answer_follows(tmp_path: Path) -> None:
    tokenizer, prompt = prompt_of(tmp_path)
    (ids,) = prompt.encode(["acid base é"], 64)
    assert (
        tokenizer.decode(ids)
        == (
            "<|im_start|>user\nacid base é<|im_end|>\n<|im_start|>a\n--"  # Without thinking, as the template knows it.
        )
    )
    (answer,) = prompt.complete(["YES"], 8)
    assert tokenizer.decode(answer) == "YES<|im_end|>", "as the template ends a turn"
    assert prompt.read([[*answer, 5, 6], answer[:-1]]) == ["YES", "YES"]


def test_without_a_template_a_line_break_follows(tmp_path: Path) -> None:
    tokenizer, prompt = prompt_of(tmp_path, chat=None)
    assert [tokenizer.decode(ids) for ids in prompt.encode(["acid", ""], 64)] == ["acid\n", "\n"]
    assert tokenizer.decode(prompt.complete(["YES"], 8)[0]) == "YES<|end|>"


def test_what_a_tokenizer_begins_with_is_kept_and_an_end_is_not(tmp_path: Path) -> None:
    from tokenizers import processors

    tokenizer = byte_pieces(chat=None)
    ends = [
        (token, tokenizer.convert_tokens_to_ids(token)) for token in ("<|im_start|>", "<|end|>")
    ]
    tokenizer.backend_tokenizer.post_processor = processors.TemplateProcessing(
        "<|im_start|> $A <|end|>", special_tokens=ends
    )
    tokenizer.bos_token = "<|im_start|>"
    tokenizer.save_pretrained(tmp_path)
    prompt = Prompt(WordPieces(tmp_path), tmp_path)
    (ids,) = prompt.encode(["acid"], 64)
    assert tokenizer.decode(ids) == "<|im_start|>acid\n"
    assert tokenizer.decode(prompt.encode(["acid base " * 9], 5)[0]).startswith("<|im_start|>acid")


@pytest.mark.parametrize("chat", [CHAT, None], ids=["chat", "plain"])
def test_a_long_source_loses_its_end_and_the_frame_nothing(
    tmp_path: Path, chat: str | None
) -> None:
    _, prompt = prompt_of(tmp_path, chat=chat)
    text = "acid base salt water flask tube heat cool"
    (whole,) = prompt.encode([text], 99)
    least = len(prompt.encode([""], 99)[0]) + 1
    after = 1 if chat is None else whole[::-1].index(prompt.end) + 1
    for length in range(least, len(whole) + 1):
        (ids,) = prompt.encode([text], length)
        assert len(ids) == length
        assert ids == [*whole[: length - after], *whole[-after:]]
    if chat is None:
        return
    with pytest.raises(
        UserError, match=rf"prompt alone takes {least - 1} tokens; set it to {least}"
    ):
        prompt.encode([text], least - 1)
    assert prompt.encode([""], least - 1), "that is room for no text"


def test_a_completion_that_is_cut_off_still_ends(tmp_path: Path) -> None:
    _, prompt = prompt_of(tmp_path)
    (long,) = prompt.complete(["acid base salt water"], 3)
    assert len(long) == 3 and long[-1] == prompt.end and prompt.end not in long[:-1]
    assert prompt.complete([""], 3) == [[prompt.end]] and prompt.complete([], 3) == []


def test_an_end_that_the_template_does_not_say_is_the_tokenizers(tmp_path: Path) -> None:
    only_prompts = (
        "{% for m in messages %}{% if m.role != 'user' %}{{ raise_exception('no') }}{% endif %}"
        "[{{ m.content }}]{% endfor %}"
    )
    tokenizer, prompt = prompt_of(tmp_path, chat=only_prompts)
    assert tokenizer.decode([prompt.end]) == "<|end|>"
    spaces = {prompt.space, prompt_of(tmp_path)[1].space}
    assert len(spaces) == 2, "models that end differently do not write over the same tokens"


def test_the_day_is_not_in_the_prompt(tmp_path: Path) -> None:
    tokenizer, prompt = prompt_of(tmp_path, chat="{{ strftime_now('%d %b %Y') }}" + CHAT)
    assert tokenizer.decode(prompt.encode(["acid"], 64)[0]).startswith("26 Jul 2024<|im_start|>")


@pytest.mark.parametrize(
    ("chat", "why"),
    [
        (
            "{{ raise_exception('a system message first') }}",
            r"cannot be used \(a system message first\)",
        ),
        ("{% if %}", "cannot be used"),
        ("hello", "does not write a user's message once"),
        (
            "{{ messages[0].content }}{{ messages[0].content }}",
            "does not write a user's message once",
        ),
    ],
)
def test_a_template_that_takes_no_message_is_one_line(tmp_path: Path, chat: str, why: str) -> None:
    with pytest.raises(UserError, match=why):
        prompt_of(tmp_path, chat=chat)


def test_a_model_that_cannot_end_is_refused_by_the_plan(tmp_path: Path) -> None:
    folder = write_decoder(tmp_path, chat=None, end=False)
    with pytest.raises(UserError, match="has no end token.*set eos_token in tokenizer_config.json"):
        Causal().output_space(folder)
    config = folder / "config.json"
    config.write_text(config.read_text().replace('"eos_token_id": null', '"eos_token_id": [7, 8]'))
    assert Causal().output_space(folder).endswith("ended by 7")


def test_prompts_and_ends_survive_saving(tmp_path: Path) -> None:
    model = Causal().open(write_decoder(tmp_path / "a"))
    model.save(tmp_path / "b")
    again = Causal().open(tmp_path / "b")
    assert (again.input_space, again.output_space) == (model.input_space, model.output_space)
    assert Causal().output_space(tmp_path / "b") == model.output_space
    other = Causal().open(write_decoder(tmp_path / "c", words=5))
    assert other.output_space != model.output_space and other.input_space != model.input_space


@pytest.mark.parametrize(
    ("names", "why"),
    [(("YES", ""), "class '' has no tokens"), (("NO", "NO"), None), (("no", "no answer"), None)],
)
def test_classes_that_cannot_be_told_apart(
    tmp_path: Path, names: tuple[str, ...], why: str | None
) -> None:
    folder = write_decoder(tmp_path)
    if why is None:
        assert Causal().open(folder, Opening(Objective("classes", names))).outputs == 2
        return
    with pytest.raises(UserError, match=why):
        Causal().open(folder, Opening(Objective("classes", names)))
