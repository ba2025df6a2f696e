"""Who pays for a batch: an account, or nobody where what an LLM costs is only priced."""

from typing import Final

from raydoa.account.account import Account
from raydoa.account.purse import NotEnough
from raydoa.account.state import Refused
from raydoa.llm.batches import Money


class Accounted:
    """Reservations of an account for batches; see `Money`.

    Args:
        account: that pays.
        what: a line about what is asked.
        record: folder of the journal that tells what was spent.
    """

    def __init__(self, account: Account, what: str, record: str) -> None:
        self._account, self._what, self._record = account, f"{what}, a batch", record

    def reserve(self, id: str, micro_usd: int) -> None:
        """See `Money.reserve`. Raises `NotEnough`."""
        reserved = self._account.reserve(micro_usd, self._what, self._record, id)
        if isinstance(reserved, Refused):
            raise NotEnough(reserved.reason)

    def settle(self, id: str, spent: int) -> None:
        """See `Money.settle`."""
        self._account.end(id, spent)


class _Nobody:
    def reserve(self, id: str, micro_usd: int) -> None:
        """Anything goes."""

    def settle(self, id: str, spent: int) -> None:
        """Nobody is paid."""


NOBODYS: Final[Money] = _Nobody()
