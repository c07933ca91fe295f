// Charts over time as SVG: lines or stacked bars, with a legend, a reading under the pointer, and a description.

import { h, svg, newId, replace } from "./dom.js";
import { time } from "./format.js";

const WIDTH = 640;
const HEIGHT = 190;
const LEFT = 52;
const BOTTOM = 22;
const TOP = 10;

/**
 * `series` is [{name, colour, values, dashed, area}], a value (or null) for each of `times`, in seconds.
 * `stacked` makes bars of them. `format` shows a value; `describe` is a sentence for screen readers.
 */
export function chart({ title, times, series, stacked = false, format, describe }) {
  const reading = h("span.quiet", { "aria-hidden": "true" });
  const figure = h("figure.card.chart", {});
  const legend = h(
    "ul.legend",
    {},
    series.map((each) => h("li", {}, h(`i.s-${each.colour}`, {}), each.name)),
  );
  const heading = h("h2", { id: newId("chart") }, title);
  const top = ceiling(stacked ? times.map((_, at) => series.reduce((sum, each) => sum + (each.values[at] ?? 0), 0)) : series.flatMap((each) => each.values));
  const from = times[0] ?? 0;
  const to = Math.max(times[times.length - 1] ?? 1, from + 1);
  const step = times.length > 1 ? (to - from) / (times.length - 1) : 1;
  const plot = WIDTH - LEFT - 4;
  const x = (at) => LEFT + ((at - from) / (to - from + (stacked ? step : 0))) * plot;
  const y = (value) => TOP + (1 - value / top) * (HEIGHT - TOP - BOTTOM);
  const drawing = svg("svg", {
    viewBox: `0 0 ${WIDTH} ${HEIGHT}`,
    preserveAspectRatio: "none",
    role: "img",
    "aria-label": `${title}. ${describe}`,
  });
  for (const share of [0, 0.5, 1]) {
    const level = top * share;
    drawing.append(svg("line", { class: "axis", x1: LEFT, x2: WIDTH - 4, y1: y(level), y2: y(level), "vector-effect": "non-scaling-stroke" }));
  }
  if (stacked) drawBars(drawing, times, series, x, y, (step / (to - from + step)) * plot);
  else series.forEach((each) => drawLine(drawing, times, each, x, y));
  const pointer = svg("line", { class: "hover", y1: TOP, y2: HEIGHT - BOTTOM, visibility: "hidden", "vector-effect": "non-scaling-stroke" });
  drawing.append(pointer);
  drawing.addEventListener("pointermove", (event) => {
    if (!times.length) return;
    const box = drawing.getBoundingClientRect();
    const share = ((event.clientX - box.left) / box.width) * WIDTH;
    let at = 0;
    times.forEach((moment, index) => {
      if (Math.abs(x(moment) - share) < Math.abs(x(times[at]) - share)) at = index;
    });
    pointer.setAttribute("x1", x(times[at]));
    pointer.setAttribute("x2", x(times[at]));
    pointer.setAttribute("visibility", "visible");
    const values = series.filter((each) => each.values[at] !== null && (!stacked || each.values[at]));
    replace(reading, `${time(times[at])}: ${values.map((each) => `${each.name} ${format(each.values[at])}`).join(", ") || "nothing"}`);
  });
  drawing.addEventListener("pointerleave", () => {
    pointer.setAttribute("visibility", "hidden");
    replace(reading);
  });
  figure.append(
    h("figcaption", {}, heading, reading),
    h("div.plot", {}, drawing, axisLabels(top, from, to, times.length, format)),
    legend,
  );
  return figure;
}

/** The labels are HTML: text in a drawing that is stretched would be stretched too. */
function axisLabels(top, from, to, count, format) {
  return h(
    "div.labels",
    { "aria-hidden": "true" },
    [1, 0.5, 0].map((share, index) => h(`span.y${index}`, {}, format(top * share))),
    count ? [h("span.from", {}, time(from)), h("span.to", {}, time(to))] : null,
  );
}

function ceiling(values) {
  const most = Math.max(0, ...values.filter((value) => value !== null));
  if (most === 0) return 1;
  const power = 10 ** Math.floor(Math.log10(most));
  return [1, 2, 4, 5, 10].map((factor) => factor * power).find((level) => level >= most) ?? most;
}

function drawLine(drawing, times, { values, colour, dashed, area }, x, y) {
  let path = "";
  let dots = "";
  let filled = "";
  let start = null;
  let last = null;
  const endArea = () => {
    if (start !== null) filled += `L${x(last).toFixed(1)} ${y(0)}L${x(start).toFixed(1)} ${y(0)}Z`;
    start = null;
  };
  values.forEach((value, at) => {
    if (value === null) {
      endArea();
      return;
    }
    const point = `${x(times[at]).toFixed(1)} ${y(value).toFixed(1)}`;
    path += `${start === null ? "M" : "L"}${point}`;
    filled += `${start === null ? "M" : "L"}${point}`;
    if (start === null) {
      start = times[at];
      if ((values[at + 1] ?? null) === null) dots += `M${point}h.01`;
    }
    last = times[at];
  });
  endArea();
  if (area) drawing.append(svg("path", { class: `area s-${colour}`, d: filled }));
  drawing.append(svg("path", { class: `line s-${colour}${dashed ? " dashed" : ""}`, d: path, "vector-effect": "non-scaling-stroke" }));
  if (dots) drawing.append(svg("path", { class: `dot s-${colour}`, d: dots, "vector-effect": "non-scaling-stroke" }));
}

function drawBars(drawing, times, series, x, y, width) {
  const paths = series.map(() => "");
  times.forEach((moment, at) => {
    let sum = 0;
    series.forEach((each, index) => {
      const value = each.values[at] ?? 0;
      if (!value) return;
      const left = x(moment) + width * 0.1;
      paths[index] += `M${left.toFixed(1)} ${y(sum).toFixed(1)}h${(width * 0.8).toFixed(1)}V${y(sum + value).toFixed(1)}h${(-width * 0.8).toFixed(1)}Z`;
      sum += value;
    });
  });
  series.forEach((each, index) => {
    if (paths[index]) drawing.append(svg("path", { class: `bar s-${each.colour}`, d: paths[index] }));
  });
}
