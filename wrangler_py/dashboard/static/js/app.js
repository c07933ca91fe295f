// The frame: navigation, which page is shown, whether the stream of events is live, keys.

import { ApiError } from "./api.js";
import { h, svg, openDialog, replace } from "./dom.js";
import { store } from "./store.js";
import { conditionsButton } from "./conditions.js";
import * as cache from "./pages/cache.js";
import * as configs from "./pages/configs.js";
import * as database from "./pages/database.js";
import * as metrics from "./pages/metrics.js";
import * as pools from "./pages/pools.js";
import * as queries from "./pages/queries.js";
import * as requests from "./pages/requests.js";

const PAGES = [
  { path: "queries", name: "Queries", module: queries, icon: "M3 5h14M3 10h14M3 15h9" },
  { path: "requests", name: "Requests", module: requests, icon: "M3 5h7M6 10h8M10 15h7" },
  { path: "pools", name: "Pool connections", module: pools, icon: "M5 5h10v10H5zM1 8h4M1 12h4M15 8h4M15 12h4" },
  { path: "cache", name: "Cache", module: cache, icon: "M10 3c4 0 7 1 7 2.500S14 8 10 8 3 7 3 5.500 6 3 10 3M3 5.500v9C3 16 6 17 10 17s7-1 7-2.500v-9M3 10c0 1.500 3 2.500 7 2.500s7-1 7-2.500" },
  { path: "metrics", name: "Metrics", module: metrics, icon: "M3 17V9M8 17V4M13 17v-6M17.500 17V7" },
  { path: "configs", name: "Configs", module: configs, icon: "M3 6h8M15 6h2M3 14h2M9 14h8M13 4v4M7 12v4" },
  { path: "database", name: "Database", module: database, icon: "M3 4h14v12H3zM3 8h14M8 8v8" },
];

const main = document.getElementById("main");
let shown = null; // {page, close, update}

function navigation() {
  replace(
    document.getElementById("navigation"),
    h(
      "ul",
      {},
      PAGES.map(({ path, name, icon }) =>
        h(
          "li",
          {},
          h(
            "a",
            { href: `#/${path}`, "data-page": path },
            svg("svg", { viewBox: "0 0 20 20", "aria-hidden": "true" }, svg("path", { d: icon, fill: "none", stroke: "currentColor", "stroke-width": "1.6", "stroke-linecap": "round" })),
            name,
          ),
        ),
      ),
    ),
  );
}

/** Shows the page that the address names: `#/queries/12` is the page `queries` with the argument `12`. */
function route() {
  const [path, ...rest] = location.hash.replace(/^#\/?/, "").split("/");
  const start = store.session.serving ? PAGES[0] : PAGES.find((each) => each.path === "configs");
  const page = PAGES.find((each) => each.path === path) ?? start;
  const argument = rest.length ? decodeURIComponent(rest.join("/")) : null;
  if (shown?.page === page && shown.view.update) {
    shown.view.update(argument);
    return;
  }
  const changes = shown !== null;
  shown?.controller.abort();
  const controller = new AbortController();
  const view = page.module.show(argument, controller.signal);
  shown = { page, view, controller };
  replace(main, view.element);
  view.ready?.();
  main.scrollTop = 0;
  document.title = `${page.name} · Local Hyperdrive`;
  for (const link of document.querySelectorAll("#navigation a")) {
    if (link.dataset.page === page.path) {
      link.setAttribute("aria-current", "page");
      link.scrollIntoView({ block: "nearest", inline: "nearest" });
    } else link.removeAttribute("aria-current");
  }
  if (changes) main.focus({ preventScroll: true });
}

function status() {
  const words = { connecting: "Connecting…", live: "Live", lost: "Not connected" };
  replace(
    document.getElementById("status"),
    store.session.serving ? conditionsButton() : null,
    h("p.live", { "data-state": store.state }, h("i", {}), h("span", {}, words[store.state])),
    h("p.quiet.version", {}, `wrangler-py ${store.session.version}`),
  );
}

const KEYS = [
  ["1 – 7", "Go to a page"],
  ["/", "Search the queries"],
  ["P", "Pause, or go on with, the list of queries"],
  ["↑ ↓ PgUp PgDn Home End", "Move in a list"],
  ["Enter", "Open a query"],
  ["Esc", "Close the open query or dialog"],
  ["?", "Show the keys"],
];

function showKeys() {
  openDialog("Keys", (heading, close) =>
    h(
      "form",
      { method: "dialog" },
      heading,
      h("dl.facts", {}, KEYS.map(([key, meaning]) => [h("dt", {}, h("code", {}, key)), h("dd", {}, meaning)])),
      h("div.buttons", {}, h("button", { type: "button", onclick: close, autofocus: true }, "Close")),
    ),
  );
}

function keyPressed(event) {
  if (event.altKey || event.ctrlKey || event.metaKey || event.defaultPrevented) return;
  if (document.querySelector("dialog[open]")) return;
  if (event.key === "Escape" && shown?.view.escape?.()) {
    event.preventDefault();
    return;
  }
  if (event.target.closest("input, select, textarea")) return;
  if (/^[1-7]$/.test(event.key)) location.hash = `#/${PAGES[Number(event.key) - 1].path}`;
  else if (event.key === "?") showKeys();
  else if (shown?.view.key?.(event.key.toLowerCase())) event.preventDefault();
}

navigation();
addEventListener("hashchange", route);
document.addEventListener("keydown", keyPressed);
store.on("state", status);
store.on("session", status);
status();
try {
  await store.open();
} catch (error) {
  if (!(error instanceof ApiError)) throw error;
  store.setState("lost");
}
route();
