// Numbers, times and statuses, as people read them.

const count = new Intl.NumberFormat("en-US");
const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });

export const number = (value) => count.format(value);

export function plural(value, noun) {
  return `${number(value)} ${noun}${value === 1 ? "" : noun.endsWith("ry") ? "" : "s"}`.replace(/query$/, value === 1 ? "query" : "queries").replace(/entry$/, value === 1 ? "entry" : "entries");
}

export function ms(value) {
  if (value === 0) return "0 ms";
  if (value < 0.1) return "<0.1 ms";
  if (value < 10) return `${value.toFixed(1)} ms`;
  if (value < 10000) return `${number(Math.round(value))} ms`;
  return `${(value / 1000).toFixed(1)} s`;
}

export function bytes(value) {
  const units = ["B", "kB", "MB", "GB"];
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${unit && value < 10 ? value.toFixed(1) : Math.round(value)} ${units[unit]}`;
}

export const time = (seconds) => clock.format(seconds * 1000);

export function preciseTime(seconds) {
  return `${time(seconds)}.${String(Math.floor(seconds * 1000) % 1000).padStart(3, "0")}`;
}

export function age(seconds) {
  if (seconds < 60) return `${Math.round(seconds)} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;
}

/** The product's words for what its cache did, each with its colour. */
export const STATUSES = {
  hit: "green",
  miss: "blue",
  volatile: "amber",
  transaction: "purple",
  uncacheable: "teal",
  disabled: "grey",
  multiplestatements: "amber",
  notaquery: "grey",
  oversizedquery: "amber",
  oversizedresult: "amber",
  parseerror: "red",
  refused: "red",
};

export const colourOf = (status) => STATUSES[status] ?? "grey";

export const oneLine = (sql) => sql.replace(/\s+/g, " ").trim();
