"""Decoder-only models of real architectures with random weights, as other people save them, and a tokenizer for them."""

from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedTokenizerFast

from tests.unit.world import CLASSES, rows

_LLAMA = {
    "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "num_key_value_heads": 1, "intermediate_size": 32,
    "head_dim": 8,
}  # fmt: skip
_NO_DROPOUT = {"resid_pdrop": 0.0, "embd_pdrop": 0.0, "attn_pdrop": 0.0}
_SMALL: dict[str, dict[str, Any]] = {
    "qwen3": {**_LLAMA, "tie_word_embeddings": True},
    "llama": {**_LLAMA, "tie_word_embeddings": False},
    "gpt2": {"n_embd": 16, "n_layer": 2, "n_head": 2, "n_positions": 64, **_NO_DROPOUT},
    "gemma2": {**_LLAMA, "sliding_window": 6, "final_logit_softcapping": 0.5, "query_pre_attn_scalar": 8},
    "granite": {**_LLAMA, "logits_scaling": 2.0},
    "gptj": {"n_embd": 16, "n_layer": 2, "n_head": 2, "n_positions": 64, "rotary_dim": 4, **_NO_DROPOUT},
}  # fmt: skip
KINDS = tuple(_SMALL)
PLAIN = ("qwen3", "llama", "gpt2")
_SPECIAL = ("<|end|>", "<|im_start|>", "<|im_end|>", "<|pad|>")
CHAT = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>a\n{% if not enable_thinking | default(true) %}--{% endif %}{% endif %}"
)

SHORT = (
    "{% for m in messages %}{{ m.content }}<|im_end|>{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>{% endif %}"
)


def byte_pieces(
    *, chat: str | None = CHAT, pad: bool = False, end: bool = True, seed: int = 0
) -> PreTrainedTokenizerFast:
    """A byte-level vocabulary that knows the tiny task; another one for another seed."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=320 + seed,
        special_tokens=list(_SPECIAL),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    texts = [*(row["source"] for row in rows(100, seed)), *CLASSES, "tiny: user"]
    tokenizer.train_from_iterator(texts, trainer)
    named = {"eos_token": _SPECIAL[0]} if end else {}
    made = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, **named, **({"pad_token": _SPECIAL[3]} if pad else {})
    )
    made.chat_template = chat
    return made


def decoder(kind: str, vocabulary: int, *, seed: int = 0, **changes: Any) -> Any:
    """A network with random weights, large enough that its words differ."""
    config = AutoConfig.for_model(kind, vocab_size=vocabulary, **{**_SMALL[kind], **changes})
    config.bos_token_id = config.eos_token_id = config.pad_token_id = None
    torch.manual_seed(seed)
    network = AutoModelForCausalLM.from_config(config)
    with torch.no_grad():
        for parameter in network.parameters():
            if parameter.dim() > 1:
                parameter.mul_(8)
    return network.eval()


def write_decoder(
    folder: Path,
    kind: str = "qwen3",
    *,
    seed: int = 0,
    words: int = 0,
    chat: str | None = CHAT,
    pad: bool = False,
    end: bool = True,
    **changes: Any,
) -> Path:
    """A model in ``folder`` as `save_pretrained` leaves it."""
    tokenizer = byte_pieces(chat=chat, pad=pad, end=end, seed=words)
    decoder(kind, len(tokenizer), seed=seed, **changes).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
