// Numbers as text, digit for digit as Python writes them.

/** Python's f"{value:,.{digits}f}": a value exactly half way goes to the even digit. */
export function fixed(value, digits) {
  const [sign, long] = [value < 0 ? "-" : "", Math.abs(value).toFixed(60)];
  const point = long.indexOf(".");
  const kept = digits ? long.slice(0, point + 1 + digits) : long.slice(0, point);
  const halfWay = /^50*$/.test(long.slice(point + 1 + digits));
  const even = /[02468]$/.test(kept);
  const rounded = halfWay && even ? kept : Math.abs(value).toFixed(digits);
  const [whole, decimals] = rounded.split(".");
  return sign + whole.replace(/\B(?=(\d{3})+$)/g, ",") + (decimals ? `.${decimals}` : "");
}

export const count = (value) => fixed(value, 0);

/** Python's f"{value:g}" of a positive number. */
export function shortNumber(value) {
  const [digits, exponent] = value.toExponential(5).split("e");
  if (exponent >= -4 && exponent < 6) return String(Number(value.toPrecision(6)));
  const mantissa = digits.replace(/\.?0+$/, "");
  return `${mantissa}e${exponent[0]}${exponent.slice(1).padStart(2, "0")}`;
}

/** Dollars in a sentence: whole where they are whole, cents from ten cents up, what is below cents where it matters. */
export function dollars(amount) {
  if (amount >= 1) {
    const whole = Number.isInteger(amount) || amount >= 100;
    return `$${fixed(amount, whole ? 0 : 2)}`;
  }
  return amount >= 0.1 || amount === Number(amount.toFixed(2)) ? `$${fixed(amount, 2)}` : `$${fixed(amount, 4)}`;
}

/** Dollars in a ledger: to the micro-dollar. */
export const exactDollars = (amount) => `$${fixed(amount, 6)}`;

/** A price: all of its digits, and at least cents. */
export function price(usd) {
  const plain = usd >= 1e-6 ? Number(usd.toPrecision(6)) : usd;
  return `$${plain === Number(plain.toFixed(2)) ? plain.toFixed(2) : plain}`;
}

/** A probability as whole percent, cut off: what is below 95% never reads 95%. */
export const percent = (chance) => `${Math.trunc(100 * chance)}%`;
