// The product's charts, made from the queries of the log; the totals are those of the whole session.

import { get } from "../api.js";
import { chart } from "../chart.js";
import { empty, h, replace } from "../dom.js";
import { bytes, colourOf, ms, number, STATUSES } from "../format.js";
import { redraw, refreshing } from "../refresh.js";
import { store } from "../store.js";
import { tile } from "./pools.js";

const RANGES = [["60", "Last minute"], ["300", "Last 5 minutes"], ["900", "Last 15 minutes"], ["3600", "Last hour"], ["86400", "Last 24 hours"]];
const BUCKETS = 60;

let range = 300;
let binding = "";

export function show(_, signal) {
  const problems = h("div", {});
  const content = h("div.stack", {});
  const bindings = h("select", { "aria-label": "Binding", onchange: (event) => { binding = event.target.value; again(); } });
  const ranges = h("select", { "aria-label": "Time", onchange: (event) => { range = Number(event.target.value); again(); } }, RANGES.map(([value, name]) => h("option", { value, selected: Number(value) === range }, name)));
  const element = h("section.page", { "aria-label": "Metrics" }, h("div.head", {}, h("h1", {}, "Metrics"), bindings, ranges, h("a.button", { href: "/metrics" }, "OpenMetrics")), problems, content);

  async function refresh() {
    const names = store.session.bindings.map((each) => each.binding);
    if (!names.includes(binding)) binding = "";
    if (bindings.childElementCount !== names.length + 1) {
      replace(bindings, h("option", { value: "" }, "All bindings"), names.map((name) => h("option", { value: name, selected: name === binding }, name)));
    }
    const answer = await get("/api/metrics");
    replace(problems);
    const chosen = Object.entries(answer.bindings).filter(([name]) => !binding || name === binding).map(([, metrics]) => metrics);
    redraw(content, totals(chosen), chosen.some((each) => each.count) ? charts() : empty("Nothing to measure yet", "Each query of the session counts here: queries by cache status, latencies, bytes, errors."));
  }

  const again = refreshing(refresh, signal, problems, ["queries", "pools", "session"]);
  return { element };
}

function totals(all) {
  const sum = (of) => all.reduce((total, each) => total + of(each), 0);
  const mean = (of) => {
    const count = sum((each) => of(each).count);
    return count ? ms(sum((each) => of(each).avg * of(each).count) / count) : "–";
  };
  const queries = sum((each) => each.count);
  const hits = sum((each) => each.cacheStatus.hit ?? 0);
  return h(
    "dl.tiles",
    {},
    tile("Queries", number(queries)),
    tile("Cache hits", queries ? `${Math.round((hits / queries) * 100)} %` : "–", queries ? number(hits) : null),
    tile("Query latency", mean((each) => each.queryLatency), "avg"),
    tile("Connection latency", mean((each) => each.connectionLatency), "avg"),
    tile("Query bytes", bytes(sum((each) => each.queryBytes))),
    tile("Result bytes", bytes(sum((each) => each.resultBytes))),
    tile("Errors", number(sum((each) => each.eventStatus.error))),
  );
}

function charts() {
  const now = Date.now() / 1000;
  const step = range / BUCKETS;
  const from = Math.floor(now / step) * step - range + step;
  const times = Array.from({ length: BUCKETS }, (_, index) => from + index * step);
  const buckets = times.map(() => ({ byStatus: {}, latencies: [], queryBytes: 0, resultBytes: 0, complete: 0, error: 0 }));
  for (let index = store.queries.length - 1; index >= 0; index -= 1) {
    const query = store.queries[index];
    const at = Math.floor((query.started_at + query.duration_ms / 1000 - from) / step);
    if (at < 0) {
      if (query.started_at < from - 60) break;
      continue;
    }
    if (at >= BUCKETS || (binding && query.binding !== binding)) continue;
    const bucket = buckets[at];
    bucket.byStatus[query.status] = (bucket.byStatus[query.status] ?? 0) + 1;
    if (query.origin_connection !== null) bucket.latencies.push(query.origin_ms);
    bucket.queryBytes += query.query_bytes;
    bucket.resultBytes += query.result_bytes;
    if (query.error) bucket.error += 1;
    else bucket.complete += 1;
  }
  for (const bucket of buckets) bucket.latencies.sort((a, b) => a - b);
  const quantile = (share) => buckets.map(({ latencies }) => (latencies.length ? latencies[Math.min(latencies.length - 1, Math.floor(latencies.length * share))] : null));
  const total = (values) => values.reduce((sum, value) => sum + (value ?? 0), 0);
  const statuses = Object.keys(STATUSES).filter((status) => buckets.some((bucket) => bucket.byStatus[status]));
  const whole = (value) => number(Math.round(value * 10) / 10);
  const per = { times, stacked: true };
  const seen = (name) => buckets.map((bucket) => bucket[name]);
  return h(
    "div.grid2",
    {},
    chart({
      ...per,
      title: "Queries by cache status",
      format: whole,
      describe: statuses.map((status) => `${number(total(buckets.map((bucket) => bucket.byStatus[status])))} ${status}`).join(", ") || "None in this time.",
      series: statuses.map((status) => ({ name: status, colour: colourOf(status), values: buckets.map((bucket) => bucket.byStatus[status] ?? 0) })),
    }),
    chart({
      times,
      title: "Query latency",
      format: ms,
      describe: "Time at the origin: median, 95th percentile and maximum.",
      series: [
        { name: "median", colour: "blue", values: quantile(0.5), area: true },
        { name: "p95", colour: "purple", values: quantile(0.95) },
        { name: "max", colour: "grey", values: quantile(1), dashed: true },
      ],
    }),
    connectionLatency(from, now),
    chart({
      ...per,
      title: "Event status",
      format: whole,
      describe: `${number(total(seen("complete")))} complete, ${number(total(seen("error")))} error.`,
      series: [{ name: "complete", colour: "green", values: seen("complete") }, { name: "error", colour: "red", values: seen("error") }],
    }),
    chart({ ...per, title: "Query bytes", format: bytes, describe: `${bytes(total(seen("queryBytes")))} in this time.`, series: [{ name: "query bytes", colour: "teal", values: seen("queryBytes") }] }),
    chart({ ...per, title: "Result bytes", format: bytes, describe: `${bytes(total(seen("resultBytes")))} in this time.`, series: [{ name: "result bytes", colour: "blue", values: seen("resultBytes") }] }),
  );
}

function connectionLatency(from, now) {
  const samples = [...store.samples].filter(([name]) => !binding || name === binding).flatMap(([, all]) => all).filter((sample) => sample.time >= from && sample.connection_latency_ms !== null).sort((a, b) => a.time - b.time);
  const times = samples.length ? [from, ...samples.map((sample) => sample.time), now] : [from, now];
  const values = samples.length ? [null, ...samples.map((sample) => sample.connection_latency_ms), null] : [null, null];
  // Each opening stands alone: the time between two of them has no value.
  const points = times.flatMap((time, index) => [[time, values[index]], [time, null]]);
  return chart({
    title: "Connection latency",
    times: points.map(([time]) => time),
    format: ms,
    describe: samples.length ? `Time to open an origin connection, at ${samples.length} moments.` : "No connection was opened in this time.",
    series: [{ name: "time to open an origin connection", colour: "amber", values: points.map(([, value]) => value) }],
  });
}
