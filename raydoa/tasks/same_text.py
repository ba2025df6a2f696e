"""When two texts are the same to a reader: but for case, blanks and the ways in which Unicode writes them."""

import unicodedata
from hashlib import blake2b


def normal(text: str) -> str:
    """What two texts have in common that are the same."""
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
    folded = text.casefold()
    # A million texts are looked at, and of most there is nothing to do: of all blanks only a space is printable.
    if folded.isprintable() and "  " not in folded and folded == folded.strip(" "):
        return folded
    return " ".join(folded.split())


def digest(text: str) -> bytes:
    """16 bytes that two texts have in common that are the same, and no others: what is kept of texts by the million."""
    return blake2b(normal(text).encode("utf-8", "surrogatepass"), digest_size=16).digest()
