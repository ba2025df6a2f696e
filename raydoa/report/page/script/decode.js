// The data of the page, out of its JSON island: columns of cells, cost items, prices, curves, and plans.

/** @returns cells column by column, {columns: {name: {kind, values}}, count}, gaps are null; items, prices, unit prices
 *  (with `moved`: the dollars on its slider, or null), panels, curves, plans, budgets, notes, formats, words; and
 *  `verdictOn(plan, other)`: what seeds say of a plan being better than one that scores no more */
export function decode(text) {
  const data = JSON.parse(text);
  const columns = Object.fromEntries(data.columns.map((column) => [column.name, { kind: column.kind, values: valuesOf(column) }]));
  const curves = data.curves.map((curve, i) => ({ ...curve, colour: curve.shade === null ? `--curve-${i}` : `--shade-${curve.shade}` }));
  const curveOf = data.curve_of.map((i) => curves[i]);
  return {
    ...data,
    columns,
    count: columns.cell.values.length,
    items: data.items.map((item) => ({ ...item, seconds: item.seconds && valuesOf(item.seconds) })),
    unitPrices: data.unit_prices.map((unitPrice) => ({ ...unitPrice, moved: null })),
    curves,
    curveOf,
    plans: plansOf(data, columns, curveOf),
    verdictOn: (plan, other) => data.verdicts[plan.against[other.rank - plan.tied_from]],
  };
}

const valuesOf = ({ values, codes }) => (codes ? codes.map((code) => values[code]) : values);

/** One object a plan, in the order of their numbers. */
function plansOf({ plans, panels, panel_of: panelOf }, columns, curveOf) {
  return plans.cells.map(([cell], number) => ({
    ...Object.fromEntries(Object.entries(plans).map(([name, values]) => [name, values[number]])),
    number,
    panel: panels[panelOf[cell]],
    strategy: columns.strategy.values[cell],
    curve: curveOf[cell],
  }));
}
