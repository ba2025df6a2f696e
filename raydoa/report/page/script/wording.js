// Numbers and sentences, by the formats and templates of the data: raydoa.report.wording.

const told = {};

/** Say from now on what the data says. */
export function learn({ formats, words }) {
  Object.assign(told, { formats, words });
}

/** A sentence of the data by its name, filled. */
export const say = (name, values = {}) => fill(told.words[name], values);

/** A template with its slots filled; null where a value is missing. */
export function fill(template, values) {
  let whole = true;
  const filled = template.replace(/\{(\w+)(?::(\w+))?\}/g, (_, slot, format) => {
    const value = values[slot] ?? null;
    whole &&= value !== null;
    return value === null || !format ? value : write(value, format);
  });
  return whole ? filled : null;
}

/** A number by one of the formats. */
export function write(number, format) {
  const { digits, significant, scale, before, thousands } = told.formats[format];
  const value = significant === null ? scale * number : rounded(scale * number, significant);
  const [, allowed] = digits.find(([least]) => value >= least) ?? digits.at(-1);
  const kept = allowed.find((count) => value === Number(value.toFixed(count))) ?? allowed.at(-1);
  return before + fixed(value, kept, thousands);
}

/** So many digits in all. */
function rounded(value, significant) {
  const digits = significant - 1 - Number(value.toExponential().split("e")[1]);
  const unit = 10 ** Math.max(0, -digits);
  return unit * Number(fixed(value / unit, Math.max(0, digits), ""));
}

/** So many digits after the point; a value exactly half way goes to the even digit. */
function fixed(value, digits, thousands) {
  const [sign, long] = [value < 0 ? "-" : "", Math.abs(value).toFixed(60)];
  const point = long.indexOf(".");
  const kept = digits ? long.slice(0, point + 1 + digits) : long.slice(0, point);
  const halfWay = /^50*$/.test(long.slice(point + 1 + digits));
  const rounded = halfWay && /[02468]$/.test(kept) ? kept : Math.abs(value).toFixed(digits);
  const [whole, decimals] = rounded.split(".");
  return sign + whole.replace(/\B(?=(\d{3})+$)/g, thousands) + (decimals ? `.${decimals}` : "");
}
