"""What a search finds in a store before its first proposal."""

from pathlib import Path

import pytest

from raydoa.costs.items import ITEMS
from raydoa.costs.plan import Plan
from raydoa.experiment.accounting import Purchases
from raydoa.experiment.search_accounting import existing_units
from raydoa.labels import SOURCES
from raydoa.store.key import Stage
from raydoa.store.store import Store
from tests.plugins.example_plugin import RULES, Keywords, RuleLabels
from tests.unit.world import World


def test_what_every_repeat_shares_is_found_once_and_whole(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows that rules label depend on no repeat: looking at ever more of them ends, and the smaller plan hides nothing."""
    rules = RuleLabels()
    monkeypatch.setattr(ITEMS, "_entries", {rules.name: rules, **ITEMS._entries})
    monkeypatch.setattr(SOURCES, "_entries", {**SOURCES._entries, Keywords.name: Keywords()})
    study, store = world.resolved().study, Store(str(tmp_path / "store"))
    asked = study.question("tiny", 8)
    few, many = (
        asked.plan({"source": RULES.name}, rule_labels=rows, student=5) for rows in (20, 40)
    )

    def students(plan: Plan) -> tuple[Stage, ...]:
        return study.graph(plan).paid["student"]

    (tmp_path / "file").mkdir()
    (tmp_path / "file" / "any.txt").write_text("content", encoding="utf-8")
    # All rows, and of the smaller plan two trainings.
    for stage in (*study.graph(many).shards, *students(few), *students(few.repeated(1))):
        store.publish(stage, tmp_path / "file", {}, {})
    left = Purchases.of(existing_units([few, many], study, store)).marginal
    assert left(many) == {"rule_labels": 0, "student": 5}
    assert left(few) == left(few.repeated(1)) == {"rule_labels": 0, "student": 0}
    assert left(few.repeated(2)) == {"rule_labels": 0, "student": 5}
