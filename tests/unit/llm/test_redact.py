"""A key is in no text that leaves the connection, whole, in part or encoded."""

import base64
import pickle
import urllib.parse

import pytest
from hypothesis import given
from hypothesis import strategies as st

from raydoa.errors import UserError
from raydoa.llm.redact import GONE, Secret, one_line, read_key, redacted, storable

KEY = "sk-proj-Ab3dEf6hIj9kLm2nOp5qRs8tUv1wXy4z"
_WORD = st.text(st.characters(codec="utf-8"), max_size=40)


@given(_WORD, _WORD, st.integers(0, len(KEY)), st.integers(8, len(KEY)))
def test_no_eight_characters_of_a_key_are_left(before: str, after: str, start: int, length: int) -> None:  # fmt: skip
    text = redacted(before + KEY[start : start + length] + after + KEY, Secret(KEY))
    folded = text.lower()
    assert not any(KEY[i : i + 8].lower() in folded for i in range(len(KEY) - 7))


@given(_WORD)
def test_other_text_stays_as_it_is(text: str) -> None:
    assert Secret("\x7f" * 20).cleaned(text) == text


@pytest.mark.parametrize(
    "form",
    [
        KEY,
        KEY.upper(),
        KEY[:20],
        KEY[-12:],
        urllib.parse.quote(KEY),
        base64.b64encode(KEY.encode()).decode(),
        base64.b64encode(f":{KEY}".encode()).decode(),
    ],
)
def test_forms_of_a_key(form: str) -> None:
    assert form not in redacted(f"got <{form}> from you", Secret(KEY))


@pytest.mark.parametrize(
    ("said", "left"),
    [
        ("Incorrect API key provided: sk-proj-****4z. See", f"Incorrect API key provided: {GONE} See"),
        ("Authorization: Bearer abc.def", f"Authorization: {GONE}"),
        ("{'authorization': 'Bearer other-key-123'}", f"{{'authorization': '{GONE}'}}"),
        ('"x-api-key": "zzz", "model": "m"', f'"x-api-key": "{GONE}", "model": "m"'),
        ("the api_key=zzz was wrong", f"the api_key={GONE} was wrong"),
        ("Bearer abcdefgh is wrong", f"Bearer {GONE} is wrong"),
        ("GET https://host/v1/x?key=abc&b=1 failed", "GET https://host/v1/x failed"),
        ("the bearer of news", "the bearer of news"),
        ("the maximum is 5 * 3 tokens", "the maximum is 5 * 3 tokens"),
    ],
)  # fmt: skip
def test_what_endpoints_say(said: str, left: str) -> None:
    assert redacted(said, Secret(KEY)) == left
    assert redacted(said, None) == left


def test_a_short_key_goes_too() -> None:
    assert redacted("<EMPTY>", Secret("EMPTY")) == f"<{GONE}>"


def test_a_long_text_is_cleaned_in_a_moment() -> None:
    text = "sk-proj-sk-prox " * 20_000
    cleaned = Secret(KEY).cleaned(text + KEY)
    assert "sk-proj-" not in cleaned and cleaned.endswith(GONE)


def test_a_secret_shows_itself_to_nobody() -> None:
    secret = Secret(KEY)
    shown = f"{secret} {secret!r} {[secret]} {vars(Secret).keys()} {secret:}"
    assert KEY not in shown
    assert not hasattr(secret, "__dict__")
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        with pytest.raises(TypeError, match="not pickled"):
            pickle.dumps(secret, protocol)


def test_a_key_is_read_from_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_KEY", f"  {KEY}\n")
    key = read_key("x", "SOME_KEY")
    assert key is not None and key.reveal() == KEY
    assert read_key("x", None) is None


@pytest.mark.parametrize("value", [None, "", "  ", f"{KEY}\nX-Other: 1", f"{KEY} {KEY}", "schlüssel", "a\x00b"])  # fmt: skip
def test_what_is_no_key(value: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SOME_KEY", raising=False)
    if value is not None and "\x00" in value:
        monkeypatch.setattr("os.environ", {"SOME_KEY": value})
    elif value is not None:
        monkeypatch.setenv("SOME_KEY", value)
    with pytest.raises(UserError, match="LLM x: .*SOME_KEY") as error:
        read_key("x", "SOME_KEY")
    assert KEY not in str(error.value)


@given(st.text(st.characters(), max_size=60))
def test_lines_are_one_line_that_a_file_can_hold(text: str) -> None:
    line = one_line(text, 20)
    assert len(line) <= 20
    assert len(line.splitlines()) <= 1
    line.encode()
    storable(text).encode()
