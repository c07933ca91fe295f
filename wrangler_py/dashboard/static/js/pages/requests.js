// Requests of the Worker, each as a waterfall of its queries, with its findings.

import { get } from "../api.js";
import { h, replace, empty, prose } from "../dom.js";
import { colourOf, ms, number, plural, preciseTime } from "../format.js";
import { refreshing } from "../refresh.js";
import { store } from "../store.js";

const MOST_ROWS = 300;
const MOST_LINKS = 10;
const SESSION = "~session";

export function show(argument, signal) {
  let opened = argument;
  let requests = [];
  let outside = []; // findings that are not one request's
  let onlyFindings = false;
  const counted = h("span.quiet.nowrap", { role: "status" });
  const items = h("ul.requests", {});
  const detail = h("div.panel", { "aria-label": "Request", role: "region", tabindex: -1 });
  const toggle = h("label", {}, h("input", { type: "checkbox", onchange: (event) => { onlyFindings = event.target.checked; draw(); } }), "Only with findings");
  const split = h("div.split.requests-split", {}, h("div.listing", {}, items), detail);
  const none = h("div", {});
  const element = h("section.page.fills", { "aria-label": "Requests" }, h("div.head", {}, h("h1", {}, "Requests"), toggle, counted), none, split);

  async function refresh() {
    const [answer, all] = await Promise.all([get("/api/requests"), get("/api/findings")]);
    requests = answer.requests;
    outside = all.findings.filter((finding) => finding.request_id === null);
    replace(counted, answer.count > requests.length ? `the last ${number(requests.length)} of ${plural(answer.count, "request")}` : plural(answer.count, "request"));
    draw();
  }

  function draw() {
    const shown = requests.filter((request) => !onlyFindings || request.findings.length);
    if (outside.length) shown.unshift({ id: SESSION, name: "Whole session", findings: outside, queries: [] });
    split.hidden = !shown.length;
    replace(none, shown.length ? null : nothing());
    const focused = document.activeElement?.closest?.(".requests button")?.dataset.id;
    const chosen = shown.find((request) => request.id === opened) ?? (isWide() ? (shown.find((request) => request.id !== SESSION) ?? shown[0]) : undefined);
    replace(items, shown.map((request) => item(request, request === chosen)));
    if (focused) items.querySelector(`[data-id="${CSS.escape(focused)}"]`)?.focus();
    split.classList.toggle("open", Boolean(chosen && (opened || isWide())));
    detail.hidden = !chosen;
    if (chosen?.id === SESSION) drawSession();
    else if (chosen) drawDetail(chosen);
  }

  const isWide = () => !matchMedia("(max-width: 820px)").matches;

  function nothing() {
    if (requests.length) return empty("No findings", "There are no findings about the last requests.");
    return empty(
      "No requests yet",
      store.session.serving
        ? "Requests of the Worker appear here if they make queries, with their queries over time and their findings. Clients that report no request, such as those of JavaScript Workers and of `hyperdrive proxy`, appear by client."
        : "Run `wrangler-py dev` in a project: it prints the URL of its own dashboard.",
    );
  }

  function item(request, isChosen) {
    const statuses = new Map();
    let errors = 0;
    for (const query of request.queries.map((each) => store.byNumber.get(each))) {
      if (query?.error) errors += 1;
      if (query) statuses.set(query.status, (statuses.get(query.status) ?? 0) + 1);
    }
    return h(
      "li",
      {},
      h(
        "button",
        { type: "button", "data-id": request.id, "aria-current": isChosen ? "true" : null, onclick: () => { location.hash = `#/requests/${encodeURIComponent(request.id)}`; } },
        h("span.name", {}, request.name),
        h("span.nowrap", {}, request.id === SESSION ? "" : request.ended_at === null ? "under way" : ms((request.ended_at - request.started_at) * 1000)),
        h(
          "span.more",
          {},
          request.id === SESSION ? "not one request's" : h("span.nowrap", {}, `${preciseTime(request.started_at)} · ${plural(request.queries.length, "query")}`),
          [...statuses].map(([status, count]) => h(`span.chip.${colourOf(status)}`, {}, `${number(count)} ${status}`)),
          errors ? h("span.chip.red", {}, plural(errors, "error")) : null,
          request.findings.length ? h("span.chip.amber", {}, `▲ ${plural(request.findings.length, "finding")}`) : null,
        ),
      ),
    );
  }

  let drawn = "";

  function drawSession() {
    const state = JSON.stringify(outside);
    if (state === drawn) return;
    drawn = state;
    replace(
      detail,
      h("div.head", {}, h("h2", {}, "Whole session"), isWide() ? null : h("button.small", { type: "button", onclick: close }, "Close")),
      outside.map((finding) =>
        findingCard(
          finding,
          null,
          h("p", {}, finding.queries.slice(-MOST_LINKS).map((number) => [h("a", { href: `#/queries/${number}` }, `Query ${number}`), " "]), finding.queries.length > MOST_LINKS ? h("span.quiet", {}, `the last ${MOST_LINKS} of ${finding.queries.length}`) : null),
        ),
      ),
    );
  }

  function drawDetail(request) {
    const state = JSON.stringify([request, request.queries.filter((each) => store.byNumber.has(each)).length]);
    if (state === drawn) return;
    drawn = state;
    const queries = request.queries.map((each) => store.byNumber.get(each)).filter(Boolean);
    const ends = queries.map((query) => query.started_at + query.duration_ms / 1000);
    const from = Math.min(request.started_at, ...queries.map((query) => query.started_at));
    const to = Math.max(request.ended_at ?? 0, ...ends, from + 0.001);
    const marks = new Map();
    request.findings.forEach((finding, index) => finding.queries.forEach((each) => marks.set(each, [...(marks.get(each) ?? []), index + 1])));
    replace(
      detail,
      h(
        "div.head",
        {},
        h("h2", {}, request.name),
        h("span.quiet", {}, `${ms((to - from) * 1000)}, ${plural(request.queries.length, "query")}`),
        isWide() ? null : h("button.small", { type: "button", onclick: close }, "Close"),
      ),
      request.findings.map((finding, index) => findingCard(finding, index + 1)),
      h("ul.legend", {}, [["waited", "Waited for a connection"], ["origin", "Origin"], ["sending", "Sending to the client"]].map(([name, label]) => h("li", {}, h(`i.${name}`, {}), label))),
      h("ol.waterfall", { "aria-label": "Queries over time" }, queries.slice(0, MOST_ROWS).map((query) => waterfallRow(query, from, to, marks.get(query.number)))),
      queries.length > MOST_ROWS ? h("p.quiet", {}, `${number(queries.length - MOST_ROWS)} more are not shown.`) : null,
      queries.length < request.queries.length ? h("p.quiet", {}, `${plural(request.queries.length - queries.length, "query")} of it can't be shown: not loaded yet, or no longer in the log.`) : null,
    );
  }

  function close() {
    if (opened === null || isWide()) return false;
    location.hash = "#/requests";
    return true;
  }

  refreshing(refresh, signal, none);
  return {
    element,
    escape: close,
    update(wanted) {
      opened = wanted;
      draw();
    },
  };
}

function findingCard(finding, index, more = null) {
  return h(
    "div.note.amber",
    {},
    h("strong", {}, index ? `${index}. ${finding.title}` : finding.title),
    h("p", {}, prose(finding.explanation)),
    h("p", {}, h("strong", {}, "What to change: "), prose(finding.fix)),
    finding.cost_ms ? h("p.quiet", {}, `Costs about ${ms(finding.cost_ms)}.`) : null,
    more,
  );
}

function waterfallRow(query, from, to, marks) {
  const span = to - from;
  const lane = h("span.lane", { "aria-hidden": "true" });
  let at = query.started_at - from;
  for (const [name, value] of [["waited", query.waited_ms], ["origin", query.origin_ms], ["sending", query.sending_ms]]) {
    if (value || (name === "origin" && !query.duration_ms)) {
      const piece = h(`i.${name}`, {});
      piece.style.left = `${Math.min(99.5, (at / span) * 100)}%`;
      piece.style.width = `${(value / 1000 / span) * 100}%`;
      lane.append(piece);
    }
    at += value / 1000;
  }
  return h(
    `li${marks ? ".marked" : ""}`,
    {},
    h(
      "button",
      { type: "button", onclick: () => { location.hash = `#/queries/${query.number}`; } },
      h(
        "span.what",
        {},
        h(`span.chip.${colourOf(query.status)}`, {}, query.status),
        marks?.map((mark) => h("span.chip.amber", { title: "See the finding above" }, `${mark}`)),
        h("code", {}, query.line.slice(0, 300)),
      ),
      lane,
      h("span.right", {}, ms(query.duration_ms)),
    ),
  );
}
