"""What all the entries of an account come to.

Committed is what is gone or may go: open reservations, and beside them what was spent or what was paid, whichever is more.
Owed is what was spent and is in no invoice yet. A day's money is what was reserved on it (UTC) and not freed again since.
"""

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import assert_never

from raydoa.account.entries import (
    Adjusted,
    Ceiling,
    DailyLimit,
    Entry,
    Paid,
    Reserved,
    Settled,
)
from raydoa.money import shown_usd


class ImpossibleEntry(Exception):
    """An entry that nothing before it allows."""


@dataclass(frozen=True)
class Reservation:
    """Money that is kept for somebody, since ``at``; see `Reserved`."""

    id: str
    micro_usd: int
    what: str
    record: str
    whom: str
    at: datetime


@dataclass(frozen=True)
class Refused:
    """There is not enough left: why, in a line."""

    reason: str


@dataclass
class Day:
    """What was committed and paid on one day."""

    committed: int = 0
    paid: int = 0


@dataclass
class State:
    """An account after so many ``entries``, the last of which has the digest ``head``.

    Attributes:
        ceiling: None: nobody has set one.
        daily_limit: None: there is none.
        open: reservations that have not ended, by id.
        ended: what was spent of the others, by id.
        spent: by them all, with adjustments.
        paid: by all invoices.
        invoices: what they are called, and their amounts.
        days: by date (UTC).
    """

    entries: int = 0
    head: str = ""
    ceiling: int | None = None
    daily_limit: int | None = None
    open: dict[str, Reservation] = field(default_factory=dict)
    ended: dict[str, int] = field(default_factory=dict)
    spent: int = 0
    paid: int = 0
    invoices: dict[str, int] = field(default_factory=dict)
    days: dict[date, Day] = field(default_factory=dict)

    @property
    def reserved(self) -> int:
        """By those who have not settled yet."""
        return sum(one.micro_usd for one in self.open.values())

    @property
    def owed(self) -> int:
        """Spent, and in no invoice yet."""
        return max(0, self.spent - self.paid)

    @property
    def committed(self) -> int:
        """What counts against the ceiling."""
        return self.reserved + max(self.spent, self.paid)

    @property
    def overrun(self) -> int:
        """What is committed above the ceiling: an invoice, a bill or an adjustment is taken whatever it says."""
        return max(0, self.committed - (self.ceiling or 0))

    def committed_since(self, day: date) -> int:
        """What was committed on a day and after it: the clock of somebody else may be ahead."""
        return sum(one.committed for at, one in self.days.items() if at >= day)

    def copy(self) -> "State":
        """One that no entry reaches any more."""
        return copy.deepcopy(self)

    def lacks(self, micro_usd: int, today: date) -> str | None:
        """Why so much cannot be reserved today; None: it can."""
        if self.ceiling is None:
            return "it has no ceiling yet: set one with --limit DOLLARS"
        left = self.ceiling - self.committed
        if micro_usd > left:
            held = f", of which {shown_usd(self.reserved)} reserved" if self.open else ""
            return (
                f"{shown_usd(self.committed)} of its {shown_usd(self.ceiling)} are committed{held}; "
                f"{shown_usd(max(0, left))} are left: raise the ceiling with --limit DOLLARS"
            )
        if self.daily_limit is not None:
            gone = self.committed_since(today)
            if gone + micro_usd > self.daily_limit:
                return (
                    f"{shown_usd(gone)} of today's {shown_usd(self.daily_limit)} are committed since 00:00 UTC: run again "
                    "tomorrow, or raise it with --daily-limit DOLLARS"
                )
        return None

    def take(self, entry: Entry) -> None:
        """Count one more entry. Raises `ImpossibleEntry`: it does not fit those before it."""
        day = self.days.setdefault(entry.at.date(), Day())
        match entry.event:
            case Ceiling(micro_usd):
                self.ceiling = micro_usd
            case DailyLimit(micro_usd):
                self.daily_limit = micro_usd
            case Reserved(id, micro_usd, what, record, whom):
                if id in self.open or id in self.ended:
                    raise ImpossibleEntry(f"reserves {id} a second time")
                self.open[id] = Reservation(id, micro_usd, what, record, whom, entry.at)
                day.committed += micro_usd
            case Settled(id, spent):
                reservation = self.open.pop(id, None)
                if reservation is None:
                    raise ImpossibleEntry(f"settles {id}, which is not open")
                self.ended[id] = spent
                self.spent += spent
                self.days[reservation.at.date()].committed += spent - reservation.micro_usd
            case Paid(micro_usd, invoice):
                if invoice in self.invoices:
                    raise ImpossibleEntry(f"pays {invoice!r} a second time")
                self.invoices[invoice] = micro_usd
                self.paid += micro_usd
                day.paid += micro_usd
            case Adjusted(micro_usd):
                if self.spent + micro_usd < 0:
                    raise ImpossibleEntry("takes away more than was spent")
                self.spent += micro_usd
                # What is less was of some other day, and opens nothing today.
                day.committed += max(0, micro_usd)
            case unknown:
                assert_never(unknown)
        self.entries, self.head = entry.number, entry.digest


def by_day(state: State) -> Mapping[date, Day]:
    """The days on which money moved, in order."""
    return {at: day for at, day in sorted(state.days.items()) if day.committed or day.paid}
