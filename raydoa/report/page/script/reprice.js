// The cells at other prices: quantities x unit prices. A price that is not moved leaves the dollars of its items as they
// are; an infeasible cell has no quantities. raydoa.report.reprice does the same.

import { MICRO, microUsd } from "./money.js";
import { say } from "./wording.js";

/** A function from the unit prices to the columns that those which are moved change. */
export function repricer({ columns, count, items, prices, emptied }) {
  const of = (name) => columns[name].values;
  const scopes = new Map(prices.map(({ name, scope }) => [name, scope === null ? null : of(scope)]));

  return function reprice(unitPrices) {
    const moved = unitPrices.filter((unitPrice) => unitPrice.moved !== null);
    if (!moved.length) return {};
    const changed = Object.fromEntries(items.map((item) => [`cost_${item.name}`, costs(item, moved)]));
    const all = Object.values(changed);
    const suffix = moved.map(({ name, moved: usd }) => say("change", { name, usd })).join("");
    changed.cost_total = Array.from({ length: count }, (_, cell) => total(all, cell));
    changed.prices = of("prices").map((book) => book + suffix);
    for (const name of emptied) changed[name] = new Array(count).fill(null);
    return changed;
  };

  function costs({ name, column, priced_by: price, seconds }, moved) {
    const [quantities, scope] = [of(column), scopes.get(price)];
    const usd = new Map(moved.filter((unitPrice) => unitPrice.price === price).map((p) => [p.value, p.moved]));
    return of(`cost_${name}`).map((cost, cell) => {
      const unit = usd.get(scope === null ? "" : scope[cell]);
      if (unit === undefined) return cost;
      if (seconds === null) return microUsd(quantities[cell], unit) / MICRO;
      // What is not known how long it takes has no price, rather than none to pay.
      return seconds[cell] === null ? null : microUsd(quantities[cell], (seconds[cell] * unit) / 3600) / MICRO;
    });
  }
}

function total(costs, cell) {
  let micro = 0;
  for (const column of costs) {
    if (column[cell] === null) return null;
    micro += Math.round(column[cell] * MICRO);
  }
  return micro / MICRO;
}
