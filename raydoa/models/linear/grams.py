"""A text as the buckets of its words, pairs of words and character n-grams.

Words are lower-cased runs of letters and digits, or single other signs; character n-grams of 3 to 5 are inside a word with
its ends marked, as in fastText (arXiv 1607.04606). Buckets are a hash that is the same on every machine.
"""

import re
import zlib
from collections.abc import Iterator
from itertools import pairwise

_WORD = re.compile(r"\w+|[^\w\s]")
_PIECES = (3, 4, 5)


def buckets_of(text: str, buckets: int, most: int) -> list[int]:
    """Bucket ids from 1 of a text's n-grams, at most ``most`` of them; 0 is padding, and an empty text has bucket 1."""
    found = [1 + zlib.crc32(gram.encode()) % (buckets - 1) for gram in _grams(text)]
    return found[:most] or [1]


def _grams(text: str) -> Iterator[str]:
    words = _WORD.findall(text.lower())
    yield from words
    yield from (f"{first} {second}" for first, second in pairwise(words))
    for word in words:
        marked = f"<{word}>"
        for size in _PIECES:
            yield from (f"#{marked[i : i + size]}" for i in range(len(marked) - size + 1))
