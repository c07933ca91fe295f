// One query: what happened to it, why, and what to change.

import { get, post } from "../api.js";
import { h, prose, replace, toast } from "../dom.js";
import { bytes, ms, number, plural, preciseTime } from "../format.js";
import { parameterList, sqlBlock } from "../sql.js";
import { store } from "../store.js";
import { filterByRequest, statusChip } from "./queries.js";

export function queryPanel(wanted, close) {
  const element = h("aside.panel", { "aria-label": `Query ${wanted}` }, h("p.quiet", {}, "Loading…"));
  get(`/api/queries/${wanted}`).then(
    (query) => replace(element, content(query, close)),
    (error) => replace(element, head(`Query ${number(wanted)}`, null, close), h("p.note.amber", {}, prose(error.text))),
  );
  return { number: wanted, element };
}

function head(title, chip, close) {
  return h("div.head", {}, h("h2", {}, title), chip, h("button.small", { type: "button", onclick: close, "aria-label": "Close the query" }, "Close"));
}

function content(query, close) {
  const colour = query.error ? "red" : query.status === "hit" || query.status === "miss" ? "green" : "amber";
  return [
    head(`Query ${number(query.number)}`, statusChip(query), close),
    query.error ? h("p.note.red", { role: "note" }, h("strong", {}, "Failed: "), query.error) : null,
    h(
      `div.note.${query.error ? "grey" : colour}`,
      {},
      h("strong", {}, prose(`${capital(query.verdict.reason)}.`)),
      query.verdict.fix ? h("p", {}, prose(`What to change: ${query.verdict.fix}.`)) : null,
    ),
    query.stale
      ? h("p.note.red", {}, h("strong", {}, "A stale read. "), "The answer is older than a write of the application. Writes do not remove cached answers: for answers that must be fresh, read through a second binding with caching disabled.")
      : null,
    timeSplit(query),
    sqlSection(query),
    parameters(query),
    plan(query),
    facts(query),
  ];
}

function timeSplit(query) {
  const parts = [
    ["waited", "Waited for a connection", query.waited_ms],
    ["origin", "Origin", query.origin_ms],
    ["sending", "Sending to the client", query.sending_ms],
  ];
  const bar = h("div.times", { role: "img", "aria-label": parts.map(([, name, value]) => `${name}: ${ms(value)}`).join(", ") });
  for (const [name, , value] of parts) {
    if (!value) continue;
    const piece = h(`i.${name}`, {});
    piece.style.flexGrow = value;
    bar.append(piece);
  }
  return h(
    "section",
    { "aria-label": "Duration" },
    h("h3", {}, `Duration: ${ms(query.duration_ms)}`),
    bar,
    h("ul.legend", {}, parts.map(([name, label, value]) => h("li", {}, h(`i.${name}`, {}), `${label} ${ms(value)}`))),
  );
}

function sqlSection(query) {
  const { position, length } = query.verdict;
  const block = h("div", {});
  const sent = () => sqlBlock(query.sql, position, length);
  const laidOut = () => {
    // The name may stand somewhere else there, and comments are gone: it is looked for again.
    const name = position === null ? "" : [...query.sql].slice(position, position + length).join("");
    const found = name ? new RegExp(`(?<![\\w$])${escaped(name)}(?![\\w$])`, "i").exec(query.formatted) : null;
    return sqlBlock(query.formatted, found ? [...query.formatted.slice(0, found.index)].length : null, length);
  };
  const views = query.formatted === null ? [["As sent", sent]] : [["Formatted", laidOut], ["As sent", sent]];
  // The part to mark may be in a comment, which only the text as it was sent has.
  const inFormatted = position === null || (query.formatted ?? "").toLowerCase().includes([...query.sql].slice(position, position + length).join("").toLowerCase());
  let chosen = inFormatted ? 0 : views.length - 1;
  const buttons = views.map(([name], index) => h("button", { type: "button", onclick: () => choose(index) }, name));
  function choose(index) {
    chosen = index;
    buttons.forEach((button, at) => button.setAttribute("aria-pressed", String(at === chosen)));
    replace(block, views[chosen][1]());
  }
  choose(chosen);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(query.sql);
      toast("Copied the SQL.");
    } catch {
      toast("The browser does not allow this page to copy.", true);
    }
  };
  return h(
    "section.card.flush",
    { "aria-label": "SQL" },
    h("div.head", {}, h("h3", {}, "SQL"), views.length > 1 ? h("div.tabs", { role: "group", "aria-label": "Layout of the SQL" }, buttons) : null, h("button.small", { type: "button", onclick: copy }, "Copy")),
    block,
  );
}

function parameters(query) {
  if (!query.parameter_count) return null;
  const section = h("section", { "aria-label": "Parameters" });
  const reveal = async () => {
    try {
      const { parameters: values } = await get(`/api/queries/${query.number}/parameters`);
      replace(
        section,
        h("h3", {}, "Parameters"),
        parameterList(values),
      );
    } catch (error) {
      toast(error.text, true);
    }
  };
  section.append(h("button", { type: "button", onclick: reveal }, `Show ${plural(query.parameter_count, "parameter")}`));
  return section;
}

function plan(query) {
  const result = h("div", { role: "status" });
  const explain = async (analyze) => {
    replace(result, h("p.quiet", {}, "Asking the origin…"));
    try {
      const answer = await post(`/api/queries/${query.number}/plan`, { analyze });
      replace(result, h("pre.code.plan", { tabindex: 0, role: "group", "aria-label": "Plan" }, answer.plan));
    } catch (error) {
      replace(result, h("p.note.amber", {}, prose(error.text)));
    }
  };
  return h(
    "section.card",
    { "aria-label": "Plan" },
    h(
      "div.head",
      {},
      h("h3", {}, "Plan"),
      h("button.small", { type: "button", onclick: () => explain(false) }, "Explain"),
      query.analyzable
        ? h("button.small", { type: "button", onclick: () => explain(true), title: "Runs the query at the origin, in a read-only transaction that is rolled back" }, "Explain analyze")
        : null,
    ),
    result,
  );
}

function facts(query) {
  const request = query.request_id
    ? h("a", { href: "#/queries", onclick: () => filterByRequest(query.request_id), title: "Show the queries of this request" }, query.request ?? `request ${query.request_id}`)
    : "none";
  const rows = [
    ["Time", preciseTime(query.started_at)],
    ["Binding", query.binding],
    ["Request", query.request_id ? [request, " · ", h("a", { href: `#/requests/${encodeURIComponent(query.request_id)}` }, "waterfall")] : request],
    ["Rows", number(query.rows)],
    ["Bytes", `${bytes(query.query_bytes)} query, ${bytes(query.result_bytes)} result`],
    ["Origin connection", query.origin_connection === null ? "none: the origin was not asked" : `#${query.origin_connection}`],
    ["Transaction", query.in_transaction ? "in a transaction" : "outside a transaction"],
  ];
  return h("dl.facts", {}, rows.map(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]));
}

const escaped = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);
