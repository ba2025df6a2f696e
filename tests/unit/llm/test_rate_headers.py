"""What headers say of limits."""

import pytest

from raydoa.llm.rate_headers import Left, duration, left, retry_after


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ("1s", 1),
        ("6m0s", 360),
        ("20ms", 0.02),
        ("1h2m3.5s", 3723.5),
        ("2m59.56s", 179.56),
        ("12", 12),
        ("0", 0),
        (" 1s ", 1),
        ("1d", 86400),
        (None, None),
        ("", None),
        ("soon", None),
        ("1s later", None),
        ("1796040594", None),
        ("2026-11-30T12:00:00Z", None),
        ("nan", None),
        ("inf", None),
        ("1e9999", None),
    ],
)
def test_durations(said: str | None, seconds: float | None) -> None:
    assert duration(said) == (seconds if seconds is None else pytest.approx(seconds))


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "3"}, 3),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after": "-3"}, 0),
        ({"retry-after-ms": "250", "retry-after": "9"}, 0.25),
        ({"retry-after": "Thu, 01 Jan 1970 00:16:50 GMT"}, 10),
        ({"retry-after": "Thu, 01 Jan 1970 00:00:00 GMT"}, 0),
        ({"retry-after": "Thu, 99 Foo 1970"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": ""}, None),
        ({"retry-after": "in a while"}, None),
    ],
)
def test_retry_after(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers, now=1000.0) == seconds


def test_what_is_left() -> None:
    headers = {
        "x-ratelimit-remaining-requests": "59",
        "x-ratelimit-limit-requests": "60",
        "x-ratelimit-reset-requests": "1s",
        "x-ratelimit-remaining-tokens": "149984.0",
        "x-ratelimit-limit-tokens": "lots",
    }
    assert left(headers, "requests") == Left(59, 60, 1.0)
    assert left(headers, "tokens") == Left(149984, None, None)
    assert left({}, "tokens") is None
