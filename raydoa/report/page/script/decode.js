// The data of the page, out of its JSON island: columns of cells, and plans.

/** @returns {{columns: Object<string, {kind: string, values: any[]}>, count: number, plans: object,
 *   prices: object, budgets: number[], notes: string[]}} cells column by column; gaps are null. */
export function decode(text) {
  const data = JSON.parse(text);
  const columns = {};
  for (const { name, kind, values, codes } of data.columns) {
    columns[name] = { kind, values: codes ? codes.map((code) => values[code]) : values };
  }
  return { ...data, columns, count: columns.cell.values.length, plans: plansOf(data.plans, columns) };
}

/** One object a plan, in the order of their numbers. */
function plansOf(told, columns) {
  const value = (name, cell) => columns[name].values[cell];
  const hours = (cell) =>
    (value("gpu_seconds_teacher", cell) + value("gpu_seconds_pseudo_labels", cell) +
      value("gpu_seconds_student", cell) + value("gpu_seconds_llm", cell)) / 3600;
  const plans = told.cell_of.map((cell, number) => ({
    number,
    task: value("task", cell),
    n: value("n", cell),
    strategy: value("strategy", cell),
    teacher: value("teacher", cell),
    student: value("student", cell),
    labels: value("labels", cell),
    pseudoLabels: value("pseudo_labels", cell),
    studentSteps: value("student_steps", cell),
    score: told.score[number],
    margin: told.score_margin[number],
    lowest: told.score_lowest[number],
    highest: told.score_highest[number],
    seeds: new Map(told.seeds[number].map((seed, i) => [seed, told.seed_scores[number][i]])),
    pricedBy: told.priced_by[number],
    hours: Math.max(...told.priced_by[number].map(hours)),
    cells: [],
  }));
  told.plan_of.forEach((plan, cell) => plan >= 0 && plans[plan].cells.push(cell));
  return plans;
}
