// Elements. Text is always set as text: nothing that comes from results is ever markup.

/** An element with properties, or attributes where a name has a dash or is `role`, and children. */
export function element(name, properties = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (key.includes("-") || key === "role" || key === "for") made.setAttribute(key, value);
    else made[key] = value;
  }
  made.append(...children.filter((child) => child !== null));
  return made;
}

/** A custom property of the style sheet, in the scheme that is shown. */
export const styleOf = (property) => getComputedStyle(document.documentElement).getPropertyValue(property).trim();

export const byId = (id) => document.getElementById(id);

const SVG = "http://www.w3.org/2000/svg";

/** A curve's marker, for a legend. */
export function marker(look) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "-1.6 -1.6 3.2 3.2");
  svg.setAttribute("aria-hidden", "true");
  svg.classList.add("marker");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", look.marker);
  svg.style.setProperty("fill", `var(${look.colour})`);
  svg.append(path);
  return svg;
}
