// The cache: its entries, stale reads, statements that are never in it.

import { get, remove } from "../api.js";
import { empty, h, openDialog, prose, replace, toast } from "../dom.js";
import { age, bytes, ms, number, oneLine, plural, preciseTime } from "../format.js";
import { redraw, refreshing } from "../refresh.js";
import { parameterList } from "../sql.js";
import { store } from "../store.js";
import { tile } from "./pools.js";

const MOST_ROWS = 200;

export function show(_, signal) {
  const problems = h("div", {});
  const content = h("div.stack", {});
  const clear = h("button", { type: "button", onclick: () => act(remove("/api/cache")) }, "Clear cache");
  const element = h("section.page", { "aria-label": "Cache" }, h("div.head", {}, h("h1", {}, "Cache"), clear), problems, content);

  async function refresh() {
    const cache = await get("/api/cache");
    replace(problems);
    clear.disabled = !cache.entries.length;
    redraw(content, h("dl.tiles", {}, tile("Cached answers", number(cache.entries.length)), tile("Size", bytes(cache.size), `of ${bytes(cache.size_maximum)}`), tile("Hits", number(cache.entries.reduce((sum, each) => sum + each.hits, 0))), tile("Stale reads", number(cache.stale_reads.length))), entries(cache.entries), staleReads(cache.stale_reads), neverCached(cache.never_cached));
  }

  const again = refreshing(refresh, signal, problems, ["queries", "session", "pools"]);

  async function act(action) {
    try {
      toast((await action).message);
    } catch (error) {
      toast(error.text, true);
    }
    again();
  }

  function entries(all) {
    if (!all.length) {
      return h(
        "section.card",
        { "aria-label": "Cached answers" },
        empty("Nothing is cached", store.session.serving ? "Answers of read-only queries are cached outside of transactions, for the config's max_age. The page Queries says of each query why it was not." : "Run `wrangler-py dev` in a project: it prints the URL of its own dashboard."),
      );
    }
    return section(
      "Cached answers",
      "The last used first. Writes do not end them: they are fresh for max_age, then stale for stale_while_revalidate.",
      ["SQL", "Binding", "Age", "State", "Hits", "Size", ""],
      all.slice(0, MOST_ROWS).map((entry) => [
        h("td.sql", {}, h("code.clamp", {}, oneLine(entry.sql)), entry.parameter_count ? h("button.link", { type: "button", "data-keep": `values-${entry.id}`, onclick: () => reveal(entry) }, plural(entry.parameter_count, "parameter")) : null),
        h("td", {}, entry.bindings.join(", ")),
        h("td.number", {}, age(entry.age_s)),
        h("td", {}, h(`span.chip.${entry.state === "fresh" ? "green" : "amber"}`, {}, entry.state)),
        h("td.number", {}, number(entry.hits)),
        h("td.number", {}, bytes(entry.size)),
        h("td.actions", {}, h("button.small", { type: "button", "data-keep": entry.id, "aria-label": `Clear the answer of ${oneLine(entry.sql).slice(0, 80)}`, onclick: () => act(remove(`/api/cache/${entry.id}`)) }, "Clear")),
      ]),
      all.length,
    );
  }

  return { element };
}

async function reveal(entry) {
  try {
    const { parameters } = await get(`/api/cache/${entry.id}/parameters`);
    openDialog("Parameters", (heading, close) =>
      h(
        "form",
        { method: "dialog" },
        heading,
        parameterList(parameters),
        h("div.buttons", {}, h("button", { type: "button", onclick: close, autofocus: true }, "Close")),
      ),
    );
  } catch (error) {
    toast(error.text, true);
  }
}

function staleReads(all) {
  if (!all.length) return null;
  return section(
    "Stale reads",
    "Cached answers older than a write of the application. For answers that must be fresh, read through a second binding with caching disabled.",
    ["Time", "SQL", "Request", ""],
    all.map((query) => [
      h("td.nowrap", {}, preciseTime(query.started_at)),
      h("td.sql", {}, h("code.clamp", {}, oneLine(query.sql))),
      h("td", {}, query.request ?? query.request_id ?? "–"),
      h("td.actions", {}, h("a", { href: `#/queries/${query.number}` }, `Query ${number(query.number)}`)),
    ]),
    all.length,
  );
}

function neverCached(all) {
  if (!all.length) return null;
  return section(
    "Statements never cached",
    "Sorted by total time.",
    ["SQL", "Why", "Queries", "Total time"],
    all.slice(0, MOST_ROWS).map((each) => [
      h("td.sql", {}, h("code.clamp", {}, oneLine(each.sql))),
      h("td", {}, each.reason, each.fix ? h("p.quiet", {}, prose(`What to change: ${each.fix}.`)) : null),
      h("td.number", {}, number(each.count)),
      h("td.number", {}, ms(each.total_ms)),
    ]),
    all.length,
  );
}

const NUMBERS = new Set(["Age", "Hits", "Size", "Queries", "Total time"]);

function section(title, about, columns, rows, total) {
  return h(
    "section.card.flush",
    { "aria-label": title },
    h("div.head", {}, h("h2", {}, title), h("p.about", {}, about)),
    h(
      "div.scroll",
      { tabindex: 0, role: "region", "aria-label": `Table: ${title}` },
      h(
        "table",
        {},
        h("thead", {}, h("tr", {}, columns.map((name) => (name ? h(`th${NUMBERS.has(name) ? ".number" : ""}`, { scope: "col" }, name) : h("td", {}))))),
        h("tbody", {}, rows.map((cells) => h("tr", {}, cells))),
      ),
    ),
    total > rows.length ? h("p.quiet", {}, `${number(total - rows.length)} more are not shown.`) : null,
  );
}
