"""Real money: what a sweep or search may take from an account, and the ceiling without which it takes nothing."""

from raydoa.account.account import Account
from raydoa.errors import UserError
from raydoa.experiment.config import RuntimeConfig
from raydoa.experiment.study import Study
from raydoa.money import read_usd, shown_usd
from raydoa.store.store import Store


def spends(study: Study) -> bool:
    """Whether anything in it takes real money."""
    return any(llm.spends for llm in study.llms.values())


def set_ceiling(study: Study, runtime: RuntimeConfig, store: Store, highest_micro_usd: int) -> None:
    """Give the account its ceiling, if nobody has; nothing where nothing takes real money.

    Raises:
        UserError: no limit was named, now or before, or another one holds.
    """
    if not spends(study):
        return
    account = Account(store, runtime.account)
    asked = ", ".join(name for name, llm in study.llms.items() if llm.spends)
    if runtime.limit is None:
        if account.state().ceiling is None:
            raise UserError(
                f"--limit: missing; {asked} takes real money, here {shown_usd(highest_micro_usd)} at most. Name what may be "
                f"spent from account {runtime.account} in all, this run and all others on this store"
            )
        return
    limit = read_usd(repr(runtime.limit), "--limit")
    held = account.first_limit(limit)
    if held != limit:
        raise UserError(
            f"--limit: found {shown_usd(limit)}; account {runtime.account} has a ceiling of {shown_usd(held)}. Leave it out, or "
            f"change it: raydoa account {store.url} {runtime.account} --limit {runtime.limit:g}"
        )
