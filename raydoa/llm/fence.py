"""A row's text in a prompt: data, which cannot end the place that it stands in.

Two things could be ended by a text: the tags around it, and, where a server reads the marks of its chat template in
messages as well (llama.cpp and vLLM do), the message itself. So the tags get a number that the text does not have, and
marks get a blank that makes them ordinary text. The text is otherwise left alone; a control character, which some
servers refuse, becomes U+FFFD.
"""

import re
import unicodedata

TAG = "row"

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_MARK_BEGINS = re.compile(r"<(?=[|｜])|[|｜](?=>)|<(?=/?(?:s|bos|eos|pad|unk|start_of_turn|end_of_turn)>)", re.IGNORECASE)  # fmt: skip
_BRACKET_MARK = re.compile(r"\[(?=/?(?:INST|SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_CALLS)\])|<(?=</?SYS>>)", re.IGNORECASE)  # fmt: skip
_UNSEEN = {"Cf", "Cc", "Zs", "Zl", "Zp"}


def defused(text: str) -> str:
    """A text without control characters, and without marks of chat templates such as ``<|im_end|>``."""
    text = _CONTROL.sub("\ufffd", text)
    for mark in (_MARK_BEGINS, _BRACKET_MARK):
        text = mark.sub(lambda found: f"{found[0]} ", text)
    return text


def fenced(text: str) -> str:
    """A defused text between tags that do not stand in it, however they are written there."""
    seen = _as_read(text)
    tag, number = TAG, 0
    while f"<{tag}" in seen or f"</{tag}" in seen:
        number += 1
        tag = f"{TAG}-{number}"
    return f"<{tag}>{text}</{tag}>"


def _as_read(text: str) -> str:
    """A text as somebody reads it who overlooks case, blanks, width and what cannot be seen."""
    plain = unicodedata.normalize("NFKC", text).casefold()
    return "".join(one for one in plain if unicodedata.category(one) not in _UNSEEN)
