// The list of queries, live, with filters; one of them opens beside it.

import { h, replace, empty, toast } from "../dom.js";
import { remove } from "../api.js";
import { colourOf, ms, number, plural, preciseTime, STATUSES } from "../format.js";
import { store } from "../store.js";
import { VirtualList } from "../virtual_list.js";
import { queryPanel } from "./query.js";

const filters = { text: "", status: "", binding: "", request: "", slower: "" };

/** Has the list show the queries of one request, whatever else was filtered. */
export function filterByRequest(id) {
  Object.assign(filters, { text: "", status: "", binding: "", request: id, slower: "" });
}

export function show(argument, signal) {
  const list = new VirtualList({
    label: "Queries",
    columns: [["Time"], ["Status"], ["SQL"], ...(severalBindings() ? [["Binding", ".optional"]] : []), ["Request", ".optional"], ["Rows", ".right.optional"], ["Duration", ".right"]],
    key: (query) => query.number,
    rowClass: (query) => (query.error ? ".failed" : ""),
    row: cells,
    onopen: (query) => {
      location.hash = `#/queries/${query.number}`;
    },
  });
  signal.addEventListener("abort", () => list.close());

  let paused = false;
  let shownItems = []; // newest first
  let waiting = 0;
  let panel = null;

  const counted = h("span.quiet.nowrap", { role: "status" });
  const pause = h("button", { type: "button", "aria-pressed": "false", onclick: togglePause }, "Pause");
  const search = h("input", { type: "search", placeholder: "Search the SQL  ( / )", "aria-label": "Search the SQL", value: filters.text, oninput: (event) => change("text", event.target.value) });
  const statusSelect = h("select", { "aria-label": "Cache status", onchange: (event) => change("status", event.target.value) });
  const bindingSelect = h("select", { "aria-label": "Binding", onchange: (event) => change("binding", event.target.value) });
  const requestInput = h("input.second", { type: "search", placeholder: "Request", "aria-label": "Request: a name or an id", value: filters.request, oninput: (event) => change("request", event.target.value) });
  const slower = h("input.narrow", { type: "number", min: 0, step: "any", placeholder: "0", value: filters.slower, oninput: (event) => change("slower", event.target.value) });
  const clearFilters = h("button.plain", { type: "button", hidden: true, onclick: resetFilters }, "Clear filters");
  const newer = h("button.main.small.newer", { type: "button", hidden: true, onclick: goToTop }, "Newer queries");
  const none = h("div", {});
  const listing = h("div.listing.relative", {}, list.element, newer, none);
  const split = h(`div.split${severalBindings() ? ".with-bindings" : ""}`, {}, listing);

  const element = h(
    "section.page.fills",
    { "aria-label": "Queries" },
    h("div.head", {}, h("h1", {}, "Queries"), counted, pause, h("button", { type: "button", onclick: clearLog }, "Clear")),
    h("div.filters", { role: "search" }, search, statusSelect, bindingSelect, requestInput, h("label", {}, "Slower than", slower, "ms"), clearFilters),
    split,
  );

  list.body.addEventListener("scroll", () => {
    if (list.body.scrollTop < 20) {
      waiting = 0;
      drawNewer();
    }
  });

  function severalBindings() {
    return store.session.bindings.length > 1;
  }

  function drawOptions() {
    const options = (select, first, values, chosen) =>
      replace(select, h("option", { value: "" }, first), values.map((value) => h("option", { value, selected: value === chosen }, value)));
    options(statusSelect, "All statuses", Object.keys(STATUSES), filters.status);
    options(bindingSelect, "All bindings", store.session.bindings.map((each) => each.binding), filters.binding);
    bindingSelect.hidden = !severalBindings();
  }

  function change(name, value) {
    filters[name] = value;
    refilter();
  }

  function resetFilters() {
    Object.assign(filters, { text: "", status: "", binding: "", request: "", slower: "" });
    search.value = requestInput.value = slower.value = "";
    drawOptions();
    refilter();
    search.focus();
  }

  function matcher() {
    const text = filters.text.toLowerCase();
    const request = filters.request.toLowerCase();
    const least = Number(filters.slower) || 0;
    return (query) =>
      (!filters.status || query.status === filters.status) &&
      (!filters.binding || query.binding === filters.binding) &&
      (!request || query.request_id?.toLowerCase() === request || query.request?.toLowerCase().includes(request)) &&
      (!least || query.duration_ms >= least) &&
      (!text || query.text.includes(text) || query.error?.toLowerCase().includes(text));
  }

  function refilter() {
    shownItems = store.queries.filter(matcher()).reverse();
    waiting = 0;
    list.body.scrollTop = 0;
    draw(0);
  }

  function updated({ added, removed }) {
    if (paused) {
      drawCount();
      return;
    }
    const fresh = added.filter(matcher()).reverse();
    if (removed) shownItems = shownItems.filter((query) => store.byNumber.has(query.number));
    shownItems = fresh.concat(shownItems);
    if (list.body.scrollTop >= 20) waiting += fresh.length;
    draw(fresh.length);
  }

  function draw(inserted) {
    list.show(shownItems, inserted);
    drawCount();
    drawNewer();
    clearFilters.hidden = !Object.values(filters).some(Boolean);
    list.header.hidden = list.body.hidden = !shownItems.length;
    replace(none, shownItems.length ? null : nothing());
  }

  function nothing() {
    if (!store.session.serving) return empty("No session runs here", "Run `wrangler-py dev` in a project: it prints the URL of its own dashboard.");
    if (store.queries.length) return empty("No query matches", "No query in the log matches all filters.");
    return empty(
      "No queries yet",
      "Send a request to the Worker, or connect a client to the local Hyperdrive. Each query appears here when it ends, with its cache status.",
    );
  }

  function drawCount() {
    const all = store.queries.length;
    const text = shownItems.length === all ? plural(all, "query") : `${number(shownItems.length)} of ${plural(all, "query")}`;
    replace(counted, paused ? `Paused · ${text}` : text);
  }

  function drawNewer() {
    newer.hidden = !waiting;
    replace(newer, `↑ ${number(waiting)} newer`);
  }

  function goToTop() {
    list.body.scrollTop = 0;
    list.body.focus();
  }

  function togglePause() {
    paused = !paused;
    pause.setAttribute("aria-pressed", String(paused));
    replace(pause, paused ? "Go on" : "Pause");
    if (!paused) refilter();
    else drawCount();
  }

  async function clearLog() {
    try {
      toast((await remove("/api/queries")).message);
    } catch (error) {
      toast(error.text, true);
    }
  }

  function update(wanted) {
    const number = wanted && /^\d+$/.test(wanted) ? Number(wanted) : null;
    list.markOpened(number);
    if (panel?.number === number) return;
    panel?.element.remove();
    panel = number === null ? null : queryPanel(number, closePanel);
    split.classList.toggle("open", panel !== null);
    if (panel) {
      split.append(panel.element);
      const index = shownItems.findIndex((query) => query.number === number);
      if (index >= 0) list.activate(index);
    }
    list.draw();
  }

  function closePanel() {
    if (!panel) return false;
    location.hash = "#/queries";
    list.body.focus();
    return true;
  }

  store.on("queries", updated, signal);
  store.on("session", drawOptions, signal);
  drawOptions();
  return {
    element,
    update,
    escape: closePanel,
    ready() {
      refilter();
      update(argument);
    },
    key(key) {
      if (key === "/") search.focus();
      else if (key === "p") togglePause();
      else return false;
      return true;
    },
  };
}

function cells(query) {
  const width = Math.min(100, Math.max(3, Math.log10(query.duration_ms + 1) * 28));
  const bar = h("i.bar", { "aria-hidden": "true" });
  bar.style.width = `${width}%`;
  return [
    h("span", {}, preciseTime(query.started_at)),
    h("span", {}, statusChip(query)),
    h("span.sql", { title: query.error ?? "" }, query.error ? `${query.error}: ${query.line}` : query.line.slice(0, 500)),
    store.session.bindings.length > 1 ? h("span.optional", {}, query.binding) : null,
    h("span.optional", { title: query.request ?? "" }, query.request ?? (query.request_id ? `request ${query.request_id}` : "–")),
    h("span.right.optional", {}, number(query.rows)),
    h("span.right", {}, ms(query.duration_ms), bar),
  ];
}

export function statusChip(query) {
  const chip = h(`span.chip.${colourOf(query.status)}`, {}, query.status);
  return query.stale ? [chip, " ", h("span.chip.red", { title: "A cached answer from before a write of the application" }, "stale")] : chip;
}
