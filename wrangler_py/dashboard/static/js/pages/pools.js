// Pool connections: sizes over time, what each origin connection does, Restart.

import { get, post } from "../api.js";
import { chart } from "../chart.js";
import { confirmDialog, empty, h, replace, toast } from "../dom.js";
import { age, number, plural } from "../format.js";
import { redraw, refreshing } from "../refresh.js";
import { store } from "../store.js";

const STATES = { idle: "grey", "in a query": "blue", "in a transaction": "purple", pinned: "amber", resetting: "teal" };

export function show(_, signal) {
  const content = h("div.stack", {});
  const problems = h("div", {});
  const element = h("section.page", { "aria-label": "Pool connections" }, h("div.head", {}, h("h1", {}, "Pool connections")), problems, content);

  async function refresh() {
    const { pools } = await get(`/api/pools?after=${Math.floor(Date.now() / 1000)}`);
    replace(problems);
    redraw(content, pools.length ? pools.map(poolSection) : nothing());
  }

  function nothing() {
    return empty("No pools", store.session.serving ? "This Worker has no Hyperdrive binding: bind a config on the page Configs." : "Run `wrangler-py dev` in a project: it prints the URL of its own dashboard.");
  }

  refreshing(refresh, signal, problems, ["pools", "session"]);
  return { element };
}

function poolSection(pool) {
  const id = `restart-${pool.binding}-${pool.database}`;
  const known = store.session.bindings.find((each) => each.binding === pool.binding);
  return h(
    "section.stack",
    { "aria-label": `Pool of ${pool.binding}` },
    h(
      "div.head",
      {},
      h("h2", {}, pool.binding),
      h("button", { type: "button", id, onclick: () => restart(pool.binding) }, "Restart"),
      h("p.about", {}, [known?.origin ?? pool.database, known ? `config ${known.config}` : null, known ? `TLS ${known.tls}` : null].filter(Boolean).join(" · ")),
    ),
    h(
      "dl.tiles",
      {},
      tile("Waiting clients", number(pool.waiting_clients)),
      tile("Open connections", number(pool.open_connections), pool.opening ? `+ ${number(pool.opening)} opening` : null),
      tile("Pool size maximum", number(pool.pool_size_maximum)),
      tile("Clients", number(pool.clients)),
    ),
    sizes(pool),
    connections(pool),
  );
}

export function tile(name, value, more = null) {
  return h("div.tile", {}, h("dt", {}, name), h("dd", {}, value, more ? h("small", {}, ` ${more}`) : null));
}

function sizes(pool) {
  const samples = store.samples.get(pool.binding) ?? [];
  return chart({
    title: "Pool connections over time",
    times: samples.map((sample) => sample.time),
    format: (value) => number(Math.round(value * 10) / 10),
    describe: `Now ${plural(pool.waiting_clients, "waiting client")}, ${plural(pool.open_connections, "open connection")}, pool size maximum ${pool.pool_size_maximum}.`,
    series: [
      { name: "Waiting clients", colour: "red", values: samples.map((sample) => sample.waiting_clients), area: true },
      { name: "Open connections", colour: "blue", values: samples.map((sample) => sample.open_connections), area: true },
      { name: "Pool size maximum", colour: "grey", values: samples.map((sample) => sample.pool_size_maximum), dashed: true },
    ],
  });
}

function connections(pool) {
  if (!pool.connections.length) return h("p.quiet", {}, "No origin connection is open. One is opened for the first query that goes to the database, and closed after 10 minutes without use.");
  const now = Date.now() / 1000;
  return h(
    "div.card.flush",
    {},
    h(
      "div.scroll",
      { tabindex: 0, role: "region", "aria-label": `Origin connections of ${pool.binding}` },
      h(
        "table",
        {},
        h("thead", {}, h("tr", {}, ["Connection", "State", "For", "Prepared statements", "Process id", "Open for"].map((name) => h(`th${name === "Prepared statements" || name === "Process id" ? ".number" : ""}`, { scope: "col" }, name)))),
        h(
          "tbody",
          {},
          pool.connections.map((each) =>
            h(
              "tr",
              {},
              h("td", {}, `#${each.number}`),
              h("td", {}, h(`span.chip.${STATES[each.state] ?? "grey"}`, {}, each.state), each.why_pinned ? h("p.quiet", {}, each.why_pinned) : null),
              h("td", {}, each.request ?? (each.request_id ? `request ${each.request_id}` : each.client === null ? h("span.quiet", {}, "nobody") : `client ${each.client}`)),
              h("td.number", {}, number(each.prepared_statements)),
              h("td.number", {}, each.process_id),
              h("td", {}, age(Math.max(0, now - each.opened_at))),
            ),
          ),
        ),
      ),
    ),
  );
}

function restart(binding) {
  confirmDialog(`Restart ${binding}?`, "All its origin connections are closed, and new ones are opened when they are needed. Running queries may fail.", "Restart", async () => {
    try {
      toast((await post(`/api/pools/${encodeURIComponent(binding)}/restart`)).message);
    } catch (error) {
      toast(error.text, true);
    }
  });
}
