"""The plans on the page, and what seeds say of any two of them.

Which cells are one plan, what it scored, how it is called and which of two plans is better do not depend on prices, so that
comes from here. What a plan costs, and which plans are then the best, the page works out anew at each step of a slider.
"""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from raydoa.report.cost_items import bought_in
from raydoa.report.pareto import PANEL, by_plan, measured_by_plan, points, seed_scores
from raydoa.report.seeds import LEVEL, Floats, paired, score_table
from raydoa.report.sentence import described, doubt, order_of_rivals, points_of_100
from raydoa.report.standings import DOMINATED, TIED
from raydoa.report.unit_prices import prices_of
from raydoa.report.wording import percent

Json = dict[str, Any]


def page_plans(cells: pd.DataFrame) -> Json:
    """``plans``, field by field, by their numbers in `points`; and the ``verdicts`` that they point to."""
    plans = points(cells).sort_values("plan", ignore_index=True)
    plans["tied_from"] = plans.groupby([*PANEL, "score"])["rank"].transform("min")
    records = plans.to_dict("records")
    numbered, once = _numbered(cells, plans)
    metrics = numbered.drop_duplicates("plan").set_index("plan")["metric"]
    said = [described(record, metrics[record["plan"]]) for record in records]
    rivals = sorted(range(len(records)), key=lambda number: order_of_rivals(records[number]))
    prices = prices_of(cells)
    units = {name: by_plan(cells, price.units(cells)) for name, price in prices.items()}
    against, verdicts = _verdicts(plans, score_table(seed_scores(cells)))
    fields = {
        "cells": [group.tolist() for _, group in numbered.groupby("plan")["row"]],
        "priced_by": [group.tolist() for _, group in once.groupby("plan")["row"]],
        "units": [{name: of[number] for name, of in units.items()} for number in plans["plan"]],
        "quantities": [_quantities(record) for record in records],
        "points": [points_of_100(one["score"], one["score_margin"]) for one in records],
        "as_rival": np.argsort(rivals).tolist(),
        "against": against,
    }
    for slot in ("order", "scored", "reached"):
        fields[slot] = [words[slot] for words in said]
    scores = ("score", "score_margin", "score_lowest", "score_highest", "seeds")
    for name in ("rank", "tied_from", "better", *scores):
        fields[name] = json_values(plans[name])
    return {"plans": fields, "verdicts": verdicts}


def json_values(values: Any) -> list[Any]:
    """Values as JSON has them; a gap is null."""
    return [None if pd.isna(value) else value for value in values.tolist()]


def _numbered(cells: pd.DataFrame, plans: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The measured cells with the numbers of their plans, and those of them that say what a plan costs."""
    numbered = measured_by_plan(cells).assign(row=lambda scored: scored.index)
    # As `seed_scores` does: of cells that are the same training, the one of the smallest budget tells the cost.
    first = numbered.sort_values("budget", kind="stable")
    return numbered, first.drop_duplicates(["plan", "seed", "repeat"])


def _quantities(record: Mapping[Any, Any]) -> str:
    """What a plan buys and makes: ``labels: 10 labels; student's training: 400 steps``."""
    bought = bought_in(record)
    return "; ".join(f"{item.title}: {quantity:,} {item.unit}s" for item, quantity in bought)


def _verdicts(plans: pd.DataFrame, scores: pd.DataFrame) -> tuple[list[list[int]], list[Json]]:
    """Of each plan, which verdict there is on it against each plan of its task and N that scores no more; and those.

    The other plans are in the order of their ranks, from ``tied_from`` on.
    """
    chances: dict[int, Floats] = {}
    for _, panel in plans.sort_values("rank").groupby(PANEL):
        numbers, count = panel["plan"].to_numpy(), len(panel)
        pairs = paired(scores, np.repeat(numbers, count), np.tile(numbers, count))["chance"]
        rows = zip(panel["tied_from"], pairs.to_numpy().reshape(count, count), strict=True)
        chances |= zip(numbers, (row[first:] for first, row in rows), strict=True)
    if not chances:
        return [], []
    of_plans = [chances[number] for number in plans["plan"]]
    every = np.concatenate(of_plans)
    whole = np.nan_to_num(np.floor(100 * every), nan=-1)
    _, firsts, codes = np.unique(whole, return_index=True, return_inverse=True)
    against = np.split(codes, np.cumsum([len(row) for row in of_plans])[:-1])
    return [row.tolist() for row in against], [_verdict(chance) for chance in every[firsts]]


def _verdict(chance: float) -> Json:
    """By P(a plan is better than another): whether that is sure, and what is said of it and of the other one."""
    sure, one_seed = chance >= LEVEL, math.isnan(chance)
    return {
        "sure": bool(sure),
        "doubt": doubt(chance),
        "standing": DOMINATED if sure else TIED,
        "mark": "faint" if sure else "hollow",
        "words": "one_seed" if one_seed else "beaten",
        "percent": None if one_seed else percent(chance),
    }
