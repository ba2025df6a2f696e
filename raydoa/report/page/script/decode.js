// The data of the page, out of its JSON island: columns of cells, cost items, prices, curves, and plans.

/** @returns cells column by column, {columns: {name: {kind, values}}, count}, gaps are null; items, prices by name,
 *  unit prices (with `moved`: the dollars on its slider, or null), curves, plans, budgets, notes */
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
    plans: plansOf(data.plans, columns, curveOf),
  };
}

const valuesOf = ({ values, codes }) => (codes ? codes.map((code) => values[code]) : values);

/** One object a plan, in the order of their numbers. */
function plansOf(fields, columns, curveOf) {
  return fields.cells.map((cells, number) => {
    const plan = Object.fromEntries(Object.entries(fields).map(([name, values]) => [name, values[number]]));
    const value = (name) => columns[name].values[cells[0]];
    return {
      ...plan,
      number,
      task: value("task"),
      n: value("n"),
      strategy: value("strategy"),
      curve: curveOf[cells[0]],
      seeds: new Map(plan.seeds.map((seed, i) => [seed, plan.seed_scores[i]])),
    };
  });
}
