"""Who pays for an LLM: an account, or nobody where what it costs is only priced; and what dead processes have spent."""

from typing import Final, Literal

from raydoa.account.account import Account, SpentOf
from raydoa.account.purse import NotEnough
from raydoa.account.state import Refused, Reservation
from raydoa.llm.batch_notes import BatchNotes
from raydoa.llm.batches import Money
from raydoa.llm.journal import Journal
from raydoa.store.store import Store


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


class Boundless:
    """The purse of what is only priced."""

    def reserve(self, micro_usd: int) -> bool:
        """Anything goes."""
        return True

    def settle(self, reserved: int, cost: int) -> None:
        """Nobody is paid."""


def spent_of(store: Store) -> SpentOf:
    """Says what of a reservation was spent, or may have been, from the journal that it names."""

    def spent(reservation: Reservation) -> int | Literal["open"] | None:
        journal = Journal(store, reservation.record)
        # Before the journal, where its results are when it is open no more.
        is_open = BatchNotes(journal).has(reservation.id)
        spent = journal.spent(reservation.id)
        return "open" if is_open and spent is None else spent

    return spent
