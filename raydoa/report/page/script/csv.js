// All cells as CSV, column for column the table that the library has.

/** @param changed columns that take the place of the cells' own */
export function csv({ columns, count }, changed) {
  const names = Object.keys(columns);
  const chosen = names.map((name) => changed[name] ?? columns[name].values);
  const kinds = names.map((name) => columns[name].kind);
  const lines = [names.join(",")];
  for (let cell = 0; cell < count; cell += 1) {
    lines.push(chosen.map((values, i) => field(values[cell], kinds[i])).join(","));
  }
  return `${lines.join("\n")}\n`;
}

function field(value, kind) {
  if (value === null) return "";
  if (kind === "bool") return value ? "True" : "False";
  const text = String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** Hand a text to the reader as a file. */
export function offer(text, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
