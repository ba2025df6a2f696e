"""An account: what may be done with real money, at ``accounts/<name>/`` in a store.

Money is reserved before it is spent, if so much is left below the ceiling and of the day, and settled after. What a dead
process has left open is settled with what its record says that it may have spent.
"""

import logging
import re
import uuid
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Literal, TypeAlias

from raydoa.account.entries import (
    Adjusted,
    Ceiling,
    DailyLimit,
    Event,
    Paid,
    Reserved,
    Settled,
    whoami,
)
from raydoa.account.log import Log
from raydoa.account.owners import Owner, Owners
from raydoa.account.state import Refused, Reservation, State
from raydoa.errors import UserError
from raydoa.money import shown_usd
from raydoa.store.names import shown
from raydoa.store.store import Store

logger = logging.getLogger(__name__)

SpentOf: TypeAlias = Callable[[Reservation], int | Literal["open"] | None]
"""What of a reservation was spent, or may have been; ``open``: what it pays for outlives its process, and goes on; None:
nothing tells."""

_LONGEST = 300
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Account:
    """The account ``name`` of a store; safe between threads and processes. Making one opens nothing.

    Raises:
        UserError: the name cannot be one. From any method: the store cannot be reached, written, or decide who is first;
            an entry is damaged (`DamagedAccount`).
    """

    def __init__(self, store: Store, name: str, now: Callable[[], datetime] = _utc_now) -> None:
        if _NAME.fullmatch(name) is None:
            raise UserError(
                f"account {shown(name)!r}: a name is letters, digits, '.', '_' and '-', 100 at most"
            )
        self.store, self.name = store, name
        self._now = now
        self._log = Log(store, f"accounts/{name}", now)
        self._owners = Owners(store, f"accounts/{name}")

    def __repr__(self) -> str:
        return f"Account({self.store.url!r}, {self.name!r})"

    def state(self) -> State:
        """What all entries come to, now."""
        return self._log.state()

    def first_limit(self, micro_usd: int) -> int:
        """Set the ceiling if nobody has; returns the one that holds."""
        self._log.append(lambda state: Ceiling(micro_usd) if state.ceiling is None else None)
        ceiling = self.state().ceiling
        assert ceiling is not None
        return ceiling

    def set_limit(self, micro_usd: int) -> None:
        """Set the ceiling. Raises `UserError`: it is below what is committed."""

        def decide(state: State) -> Event | None:
            if micro_usd < state.committed:
                raise UserError(
                    f"account {self.name}: a ceiling of {shown_usd(micro_usd)} is below the "
                    f"{shown_usd(state.committed)} that are committed; that is the least it can be"
                )
            return Ceiling(micro_usd) if micro_usd != state.ceiling else None

        self._log.append(decide)

    def set_daily_limit(self, micro_usd: int | None) -> None:
        """Set the most of a day (UTC), from today on; None: no limit."""
        self._log.append(
            lambda state: DailyLimit(micro_usd) if micro_usd != state.daily_limit else None
        )

    def reserve(
        self, micro_usd: int, what: str, record: str, id: str | None = None
    ) -> Reservation | Refused:
        """Keep money for somebody in this process, if there is so much left.

        Args:
            micro_usd: the most that may be spent of it.
            what: a line for people.
            record: folder of the store where a file with the reservation's id tells what was spent (`Journal.folder`);
                empty: nothing does, so all of it is owed if this process dies.
            id: what it is called, where that was said before; no two are called so.
        """
        assert micro_usd >= 0, micro_usd
        id = id or f"{self._now():%Y%m%dT%H%M%SZ}-{uuid.uuid4().hex[:12]}"
        wanted = Reserved(id, micro_usd, shown(what, _LONGEST), record, whoami())

        def decide(state: State) -> Reserved | Refused:
            lack = state.lacks(micro_usd, self._now().astimezone(UTC).date())
            if lack is None:
                # Before anybody can read of it. Where adding it fails, nobody knows whether it is there: it stays held.
                self._owners.hold(id)
                return wanted
            self._owners.let_go(id)
            return Refused(f"account {self.name}: {shown_usd(micro_usd)} for {what}: {lack}")

        decided = self._log.append(decide)
        if isinstance(decided, Refused):
            return decided
        assert decided is not None
        return Reservation(**asdict(wanted), at=decided.at)

    def settle(self, reservation: Reservation, spent: int, why: str = "") -> None:
        """End a reservation: what was spent is owed, the rest is free. More than was reserved is taken, and said."""
        assert spent >= 0, spent

        def decide(state: State) -> Event | None:
            if reservation.id in state.open:
                return Settled(reservation.id, spent, why)
            more = spent - state.ended[reservation.id]
            if more <= 0:
                return None
            return Adjusted(more, f"{reservation.id} went on after it was released")

        self._log.append(decide)
        self._owners.let_go(reservation.id)
        if spent > reservation.micro_usd:
            logger.warning(
                "account %s: %s was billed for %s, for which %s were reserved",
                self.name, shown_usd(spent), reservation.what, shown_usd(reservation.micro_usd),
            )  # fmt: skip

    def end(self, id: str, spent: int) -> None:
        """Settle a reservation that outlives its process, whoever has made it; once: what has ended, or never was, stays so."""
        reservation = self.state().open.get(id)
        if reservation is not None:
            self.settle(reservation, spent)
            self._owners.forget(id)
        self._owners.let_go(id)

    def pay(self, micro_usd: int, invoice: str) -> None:
        """Take an invoice, whatever it says. Raises `UserError`: one of that name has been taken, or it is no name."""
        assert micro_usd >= 0, micro_usd
        self._check_text("an invoice's name", invoice)

        def decide(state: State) -> Event:
            if invoice in state.invoices:
                raise UserError(
                    f"account {self.name}: invoice {shown(invoice)!r} of {shown_usd(state.invoices[invoice])} has been "
                    "taken already; give another one another name"
                )
            return Paid(micro_usd, invoice)

        self._log.append(decide)

    def adjust(self, micro_usd: int, why: str) -> None:
        """Correct what was spent, by more or (negative) less. Raises `UserError`: so much was not spent, or there is no reason."""
        self._check_text("a reason", why)

        def decide(state: State) -> Event:
            if state.spent + micro_usd < 0:
                raise UserError(
                    f"account {self.name}: only {shown_usd(state.spent)} were spent; an adjustment cannot take away "
                    f"{shown_usd(-micro_usd)}"
                )
            return Adjusted(micro_usd, why)

        self._log.append(decide)

    def owner(self, reservation: Reservation) -> Owner:
        """Whether the process that reserved it lives, as far as that can be told from here."""
        return self._owners.of(reservation.id)

    def recover(self, spent_of: SpentOf) -> list[tuple[Reservation, int]]:
        """Settle what dead processes have left open; returns that, with what is owed of each.

        ``spent_of`` reads that in the reservation's record. Where nothing tells, all of it is owed.
        """
        ended = []
        for reservation in self.state().open.values():
            if self.owner(reservation) != "dead":
                continue
            spent = spent_of(reservation) if reservation.record else None
            if spent != "open":
                ended.append((reservation, self._bury(reservation, spent)))
        return ended

    def release(self, id: str, spent_of: SpentOf) -> tuple[Reservation, int]:
        """End a reservation by hand, as `recover` does, where nobody can tell from here whether its owner lives.

        What goes on without its process is owed in full.

        Raises:
            UserError: its owner lives, or there is no such open reservation.
        """
        open = self.state().open
        if id not in open:
            known = ", ".join(open) or "none"
            raise UserError(
                f"account {self.name}: no open reservation {shown(id)}; open are: {known}"
            )
        if self.owner(open[id]) == "alive":
            raise UserError(
                f"account {self.name}: reservation {id} belongs to {shown(open[id].whom)}, which is alive; stop it first"
            )
        spent = spent_of(open[id]) if open[id].record else None
        return open[id], self._bury(open[id], None if spent == "open" else spent)

    def _bury(self, reservation: Reservation, told: int | None) -> int:
        spent = reservation.micro_usd if told is None else told
        self.settle(reservation, spent, "its process died")
        self._owners.forget(reservation.id)
        return spent

    def _check_text(self, what: str, text: str) -> None:
        if not text.strip() or text != shown(text, _LONGEST):
            raise UserError(
                f"account {self.name}: found {shown(text)!r}; {what} is a line of at most {_LONGEST} characters"
            )
