"""A reservation in the hands of one process: parts of it for calls, without asking the account for each.

A call takes the most it may cost, and gives back what its bill left of that. What is out and what was spent never pass
what the purse holds, in any order of any number of threads. A call that never settled (it was cancelled, the process broke
off) counts at the most that it may have cost.
"""

import logging
import threading
from types import TracebackType
from typing import Self

from raydoa.account.account import Account
from raydoa.account.state import Refused, Reservation
from raydoa.errors import UserError
from raydoa.money import shown_usd

logger = logging.getLogger(__name__)


class NotEnough(UserError):
    """An account has not enough left for what is asked of it; the message says what to do."""


def open_purse(account: Account, micro_usd: int, what: str, record: str) -> "Purse":
    """Reserve money and take it into this process; see `Account.reserve`. Raises `NotEnough`."""
    reservation = account.reserve(micro_usd, what, record)
    if isinstance(reservation, Refused):
        raise NotEnough(reservation.reason)
    return Purse(account, reservation)


class Purse:
    """What is left of a reservation. Its end as a context settles it."""

    def __init__(self, account: Account, reservation: Reservation) -> None:
        self.account, self.reservation = account, reservation
        self._mutex = threading.Lock()
        self._out = 0
        self._spent = 0
        self._closed = self._settled = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def spent(self) -> int:
        """What bills came to."""
        with self._mutex:
            return self._spent

    @property
    def left(self) -> int:
        """What calls can still take."""
        with self._mutex:
            return self._left()

    def reserve(self, micro_usd: int) -> bool:
        """Take the most that a call may cost; False: there is not so much left, and the call is not to be made."""
        assert micro_usd >= 0, micro_usd
        with self._mutex:
            if self._closed or micro_usd > self._left():
                return False
            self._out += micro_usd
            return True

    def settle(self, reserved: int, cost: int) -> None:
        """Put a call's bill in the place of what it took. A bill above that is taken out of what is left, and beyond it."""
        assert cost >= 0, cost
        with self._mutex:
            assert not self._closed, "a call settles before its purse is closed"
            assert 0 <= reserved <= self._out, (reserved, self._out)
            self._out -= reserved
            self._spent += cost
            over = self._spent + self._out - self.reservation.micro_usd
        if cost > reserved and over > 0:
            logger.warning(
                "account %s: bills are %s above what was reserved for %s; nothing more is asked there",
                self.account.name, shown_usd(over), self.reservation.what,
            )  # fmt: skip

    def close(self) -> None:
        """Settle with the account: what was spent, and what is still out, is owed; the rest is free again.

        Where the account cannot be reached, call it again, or leave it to whoever finds this process dead.
        """
        with self._mutex:
            self._closed = True
            owed, settled = self._spent + self._out, self._settled
        if not settled:
            self.account.settle(self.reservation, owed)
            self._settled = True

    def _left(self) -> int:
        return max(0, self.reservation.micro_usd - self._spent - self._out)
