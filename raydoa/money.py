"""Money where people read and write it; everywhere else it is whole micro-dollars."""

import re

from raydoa.errors import UserError

MICRO = 1_000_000

_WRITTEN = re.compile(r"(-?)([0-9]{1,9})(?:\.([0-9]{1,6}))?")


def shown_usd(micro_usd: int) -> str:
    """Dollars to the last digit: ``$12.50``, ``-$0.000001``."""
    whole, part = divmod(abs(micro_usd), MICRO)
    digits = f"{part:06d}"
    return f"{'-' if micro_usd < 0 else ''}${whole:,}.{digits[:2]}{digits[2:].rstrip('0')}"


def read_usd(text: str, where: str, *, signed: bool = False) -> int:
    """Dollars as people write them, in micro-dollars.

    Raises:
        UserError: ``text`` is no amount, below a billion and no finer than a micro-dollar; ``where`` is the flag or field.
    """
    written = _WRITTEN.fullmatch(text)
    if written is None or (written[1] and not signed):
        kind = "dollars" if signed else "dollars, 0 or more"
        raise UserError(
            f"{where}: found {text!r}; expected {kind}, with at most six decimals, such as 12.50"
        )
    micro = int(written[2]) * MICRO + int((written[3] or "").ljust(6, "0"))
    return -micro if written[1] else micro
