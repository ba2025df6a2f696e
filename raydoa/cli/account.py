"""`raydoa account`: what a store's accounts have reserved, owe and have paid; their ceilings; invoices."""

import argparse
from collections.abc import Iterator

from raydoa.account.account import Account
from raydoa.account.state import Reservation, State, by_day
from raydoa.errors import UserError
from raydoa.labels.llm_money import spent_of
from raydoa.money import read_usd, shown_usd
from raydoa.store.names import shown
from raydoa.store.store import Store

_NAMED = ("limit", "daily_limit", "release", "paid", "adjust")


def add(parser: argparse.ArgumentParser) -> None:
    """Flags of the command."""
    parser.add_argument("store", help="folder or URL of the store")
    parser.add_argument("name", nargs="?", help="of an account; without one, all are listed")
    change = parser.add_mutually_exclusive_group()
    change.add_argument("--limit", metavar="DOLLARS",
                        help="set the ceiling: the most that may ever be committed")  # fmt: skip
    change.add_argument("--daily-limit", metavar="DOLLARS",
                        help="the most that may be committed in a day (UTC), or none")  # fmt: skip
    change.add_argument("--release", metavar="ID",
                        help="end a reservation whose process is dead; what it may have spent stays owed")  # fmt: skip
    change.add_argument("--paid", metavar="DOLLARS", help="take an invoice")
    change.add_argument("--adjust", metavar="DOLLARS",
                        help="correct what was spent, by more or (negative) less")  # fmt: skip
    parser.add_argument("--invoice", metavar="TEXT", help="what the invoice of --paid is called")
    parser.add_argument("--why", metavar="TEXT", help="the reason of --adjust")
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    store = Store(options.store)
    store.check_exists()
    _check(options)
    lines = all_lines(store) if options.name is None else _changed(store, options)
    for line in lines:
        print(line)
    return 0


def _check(options: argparse.Namespace) -> None:
    for flag in _NAMED:
        if getattr(options, flag) is not None and options.name is None:
            raise UserError(f"--{flag.replace('_', '-')}: name the account, after the store")
    for flag, needed in (("paid", "invoice"), ("adjust", "why")):
        if (getattr(options, flag) is None) != (getattr(options, needed) is None):
            raise UserError(f"--{flag} DOLLARS and --{needed} TEXT go together")


def _changed(store: Store, options: argparse.Namespace) -> Iterator[str]:
    """Do what a flag says, and tell what the account is then."""
    account = Account(store, options.name)
    if options.limit is not None:
        account.set_limit(read_usd(options.limit, "--limit"))
    elif account.state().entries == 0:
        raise UserError(
            f"{store.url}: no account {options.name}; a run makes one, or --limit DOLLARS does"
        )
    if options.daily_limit is not None:
        none = options.daily_limit == "none"
        account.set_daily_limit(None if none else read_usd(options.daily_limit, "--daily-limit"))
    if options.release is not None:
        yield _ended(*account.release(options.release, spent_of(store)), "released")
    if options.paid is not None:
        account.pay(read_usd(options.paid, "--paid"), options.invoice)
    if options.adjust is not None:
        account.adjust(read_usd(options.adjust, "--adjust", signed=True), options.why)
    for ended in account.recover(spent_of(store)):
        yield _ended(*ended, "its process died")
    yield from lines(account)


def all_lines(store: Store) -> Iterator[str]:
    """Yield a line for each account of a store."""
    names = {path.split("/")[1] for path in store.place.listing("accounts")} - {"."}
    for name in sorted(names):
        yield f"{name:<20}  {_summary(Account(store, name).state())}"
    if not names:
        yield f"no accounts in {store.url}"


def lines(account: Account) -> Iterator[str]:
    """Yield what an account is: its sums, its open reservations, and its days."""
    state = account.state()
    yield f"account {account.name} in {account.store.url}"
    yield _summary(state)
    if state.daily_limit is not None:
        yield f"at most {shown_usd(state.daily_limit)} a day (UTC)"
    if state.overrun:
        yield f"OVERRUN: {shown_usd(state.overrun)} above the ceiling; nothing more is committed"
    for reservation in state.open.values():
        yield _open(reservation, account)
    for at, day in by_day(state).items():
        yield f"{at}  committed {shown_usd(day.committed):>14}  paid {shown_usd(day.paid):>14}"


def _summary(state: State) -> str:
    ceiling = "no ceiling" if state.ceiling is None else f"of {shown_usd(state.ceiling)}"
    return (
        f"committed {shown_usd(state.committed)} {ceiling}: reserved {shown_usd(state.reserved)}, "
        f"owed {shown_usd(state.owed)}, paid {shown_usd(state.paid)}"
    )


def _open(reservation: Reservation, account: Account) -> str:
    owner = account.owner(reservation)
    hint = ""
    if owner == "unknown":
        hint = f" (not to be seen from here; if it is dead: --release {reservation.id})"
    return (
        f"reserved  {reservation.id}  {shown_usd(reservation.micro_usd)}  {shown(reservation.what)}  "
        f"by {shown(reservation.whom)}, {owner}{hint}"
    )


def _ended(reservation: Reservation, spent: int, why: str) -> str:
    freed = shown_usd(max(0, reservation.micro_usd - spent))
    return f"ended     {reservation.id}  {why}: {shown_usd(spent)} owed, {freed} free again"
