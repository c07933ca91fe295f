// The database behind a binding: its tables, and a SQL box that runs through the binding.

import { get, post } from "../api.js";
import { empty, h, prose, replace } from "../dom.js";
import { ms, number, plural } from "../format.js";
import { sqlBlock } from "../sql.js";
import { store } from "../store.js";
import { statusChip } from "./queries.js";

let binding = null;
let typed = "";

export function show(_, signal) {
  const list = h("ul.tables", {});
  const table = h("div.stack", {});
  const result = h("div.stack", { role: "region", "aria-label": "Result", "aria-live": "polite" });
  const bindings = h("select", { "aria-label": "Binding", onchange: (event) => { binding = event.target.value; load(); } });
  const box = h("textarea", { rows: 4, "aria-label": "SQL", placeholder: "SELECT …", spellcheck: "false", value: typed, oninput: (event) => { typed = event.target.value; }, onkeydown: (event) => { if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); run(); } } });
  const button = h("button.main", { type: "button", onclick: run }, "Run");
  const body = h(
    "div.database",
    {},
    h("nav.card.flush", { "aria-label": "Tables" }, h("div.head", {}, h("h2", {}, "Tables"), h("button.small", { type: "button", onclick: load }, "Reload")), list),
    h(
      "div.stack",
      {},
      h("section.card", { "aria-label": "SQL box" }, box, h("div.head", {}, h("p.quiet.grow", {}, "Runs through the binding like the Worker's queries: pooled, cached, and in the query log. Ctrl-Enter runs it."), button)),
      result,
      table,
    ),
  );
  const none = h("div", {});
  const element = h("section.page", { "aria-label": "Database" }, h("div.head", {}, h("h1", {}, "Database"), bindings), none, body);

  function drawBindings() {
    const names = store.session.bindings.map((each) => each.binding);
    const before = binding;
    if (!names.includes(binding)) binding = names[0] ?? null;
    replace(bindings, names.map((name) => h("option", { value: name, selected: name === binding }, name)));
    bindings.hidden = names.length < 2;
    body.hidden = binding === null;
    replace(none, binding === null ? empty("No database", store.session.serving ? "This Worker has no Hyperdrive binding: bind a config on the page Configs." : "Run `wrangler-py dev` in a project: it prints the URL of its own dashboard.") : null);
    if (binding !== null && (binding !== before || !list.childElementCount)) load();
  }

  async function load() {
    replace(list, h("li.quiet.pad", {}, "Loading…"));
    try {
      const { tables } = await get(`/api/database/${encodeURIComponent(binding)}/tables`);
      replace(table);
      replace(list, tables.length ? tables.map(item) : h("li.quiet.pad", {}, prose("There are no tables yet: `schema.sql` beside the config file, or a migration, makes some.")));
    } catch (error) {
      replace(list, h("li.pad", {}, h("p.note.amber", {}, error.text ?? String(error))));
    }
  }

  function item(each) {
    const name = each.schema === "public" ? each.name : `${each.schema}.${each.name}`;
    const select = h("button", { type: "button", onclick: () => open(each, name, select) }, h("span", {}, name), h("span.quiet", {}, each.kind === "table" ? (each.estimated_rows === null ? "" : `~${number(each.estimated_rows)}`) : each.kind));
    return h("li", {}, select);
  }

  async function open(each, name, select) {
    for (const other of list.querySelectorAll("[aria-current]")) other.removeAttribute("aria-current");
    select.setAttribute("aria-current", "true");
    const rows = h("div", {}, h("p.quiet", {}, "Loading…"));
    replace(
      table,
      h(
        "section.card.flush",
        { "aria-label": `Table ${name}` },
        h("div.head", {}, h("h2", {}, name), h("span.quiet", {}, each.kind)),
        h("div.scroll", { tabindex: 0, role: "region", "aria-label": `Columns of ${name}` }, columnTable(each.columns)),
      ),
      h("section.card.flush", { "aria-label": `First rows of ${name}` }, h("div.head", {}, h("h2", {}, "First rows")), rows),
    );
    try {
      const first = await get(`/api/database/${encodeURIComponent(binding)}/rows?schema=${encodeURIComponent(each.schema)}&table=${encodeURIComponent(each.name)}`);
      replace(rows, first.rows.length ? rowTable(first, `First rows of ${name}`) : h("p.quiet.pad", {}, "The table is empty."));
    } catch (error) {
      replace(rows, h("p.note.amber", {}, error.text));
    }
  }

  async function run() {
    const sql = box.value;
    if (!sql.trim() || button.disabled) return;
    button.disabled = true;
    replace(result, h("p.quiet", { role: "status" }, "Running…"));
    try {
      const answer = await post(`/api/database/${encodeURIComponent(binding)}/run`, { sql });
      replace(result, answer.queries.map((query) => verdict(query)), outcome(answer));
    } catch (error) {
      replace(result, h("p.note.red", {}, error.text));
    } finally {
      button.disabled = false;
    }
  }

  store.on("session", drawBindings, signal);
  drawBindings();
  return { element };
}

function verdict(query) {
  const colour = query.status === "hit" || query.status === "miss" ? "green" : "amber";
  const { reason, fix, position, length } = query.verdict;
  return h(
    `div.note.${query.error ? "grey" : colour}`,
    {},
    h("p", {}, statusChip(query), " ", prose(fix ? `${reason}. What to change: ${fix}.` : `${reason}.`)),
    position !== null && length ? sqlBlock(query.sql, position, length) : null,
    h("p.quiet", {}, `${ms(query.duration_ms)} · `, h("a", { href: `#/queries/${query.number}` }, `Query ${number(query.number)}`)),
  );
}

function outcome(answer) {
  if (answer.error) return h("p.note.red", {}, answer.error.hint ? `${answer.error.message}\n${answer.error.hint}` : answer.error.message);
  if (!answer.columns.length) return h("p.note.green", {}, answer.command ?? "Done.");
  return h(
    "section.card.flush",
    { "aria-label": "Rows" },
    h("div.head", {}, h("h2", {}, plural(answer.row_count, "row")), answer.rows.length < answer.row_count ? h("span.quiet", {}, `the first ${number(answer.rows.length)} are shown`) : null),
    answer.rows.length ? rowTable(answer, "Rows") : null,
  );
}

function columnTable(columns) {
  return h(
    "table",
    {},
    h("thead", {}, h("tr", {}, ["Column", "Type", "Null", "Default"].map((name) => h("th", { scope: "col" }, name)))),
    h("tbody", {}, columns.map((column) => h("tr", {}, h("td", {}, h("code", {}, column.name), column.primary_key ? [" ", h("span.chip.blue", {}, "primary key")] : null), h("td", {}, h("code", {}, column.type)), h("td", {}, column.nullable ? "yes" : "no"), h("td", {}, column.default === null ? "" : h("code", {}, column.default))))),
  );
}

function rowTable({ columns, rows }, label) {
  return h(
    "div.scroll.result",
    { tabindex: 0, role: "region", "aria-label": `Table: ${label}` },
    h(
      "table",
      {},
      h("thead", {}, h("tr", {}, columns.map((name) => h("th", { scope: "col" }, name)))),
      h("tbody", {}, rows.map((row) => h("tr", {}, row.map((value) => (value === null ? h("td.null", {}, "NULL") : h("td", {}, value)))))),
    ),
  );
}
