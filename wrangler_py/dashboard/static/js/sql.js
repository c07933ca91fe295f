// SQL with its words coloured and a part of it underlined, and the parameters of a query.

import { h } from "./dom.js";

const KEYWORDS = new Set(
  `all analyze and any array as asc begin between by case cast commit conflict create cross default delete desc
   distinct do drop else end except exists explain false fetch filter for from full group having ilike in index inner
   insert intersect into is join lateral left like limit natural not null nulls offset on or order outer over
   partition primary references returning right rollback select set table then true union unique update using values
   view when where window with`.split(/\s+/),
);

const TOKEN =
  /(--[^\n]*|\/\*[\s\S]*?(?:\*\/|$))|('(?:[^']|'')*'?|\$([A-Za-z_]*)\$[\s\S]*?(?:\$\3\$|$))|(\$\d+)|("(?:[^"]|"")*"?)|([A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*)|(\d+(?:\.\d+)?)/g;

/** `sql` in a `pre`; `position` and `length`, in characters, are underlined. */
export function sqlBlock(sql, position = null, length = 0) {
  return h("pre.code", { tabindex: 0, role: "group", "aria-label": "SQL" }, h("code", {}, parts(sql, position, length)));
}

/** The values of a query's parameters, in order. */
export function parameterList(values) {
  return h("ol.values", {}, values.map((value, index) => h("li", {}, h("code.quiet", {}, `$${index + 1}`), value === null ? h("em.quiet", {}, "NULL") : h("code", {}, value))));
}

function parts(sql, position, length) {
  if (position === null || !length) return tokens(sql);
  // Positions count characters; JavaScript counts UTF-16 units.
  const characters = sql.length === [...sql.slice(0, position)].length ? sql : [...sql];
  const cut = (from, to) => (typeof characters === "string" ? characters.slice(from, to) : characters.slice(from, to).join(""));
  return [tokens(cut(0, position)), h("mark", {}, cut(position, position + length)), tokens(cut(position + length))];
}

function tokens(sql) {
  if (sql.length > 100000) return [sql];
  const found = [];
  let end = 0;
  for (const match of sql.matchAll(TOKEN)) {
    if (match.index > end) found.push(sql.slice(end, match.index));
    const [text, comment, string, , parameter, , word, digits] = match;
    const kind = comment
      ? "comment"
      : string
        ? "string"
        : parameter
          ? "parameter"
          : digits
            ? "number"
            : word && KEYWORDS.has(word.toLowerCase())
              ? "keyword"
              : null;
    found.push(kind ? h(`span.${kind}`, {}, text) : text);
    end = match.index + text.length;
  }
  found.push(sql.slice(end));
  return found;
}
