// Hyperdrive configs: what the commands do, with the same messages. Passwords go in and never come out.

import { get, patch, post, remove, ApiError } from "../api.js";
import { empty, field, h, newId, openDialog, prose, replace } from "../dom.js";
import { redraw, refreshing } from "../refresh.js";

export function show(_, signal) {
  const problems = h("div", {});
  const messages = h("div", { role: "status" });
  const content = h("div.stack", {});
  let state = { configs: [], certificates: [], environments: [], config_file: null, problem: null };
  const element = h(
    "section.page",
    { "aria-label": "Configs" },
    h("div.head", {}, h("h1", {}, "Hyperdrive configs"), h("button.main", { type: "button", onclick: () => edit(null) }, "Create configuration"), h("p.about", {}, prose("The configs of this machine, as `wrangler-py hyperdrive list` shows them. A session that runs takes on changes at once."))),
    problems,
    messages,
    content,
  );

  async function refresh() {
    state = await get("/api/configs");
    replace(problems, state.problem ? h("p.note.amber", {}, state.problem) : null);
    redraw(content, state.configs.length ? table() : h("div.card", {}, empty("No configs yet", "A config says where a database is, and how its answers are cached. Create one here, or with `wrangler-py hyperdrive create`.", h("button.main", { type: "button", onclick: () => edit(null) }, "Create configuration"))));
  }

  const again = refreshing(refresh, signal, problems, ["session"]);

  function table() {
    return h(
      "div.card.flush",
      {},
      h(
        "div.scroll",
        { tabindex: 0, role: "region", "aria-label": "Table of configs" },
        h(
          "table",
          {},
          h("thead", {}, h("tr", {}, ["Name", "Origin", "Caching", "TLS", "Limit", "Bound as"].map((name) => h("th", { scope: "col" }, name)), h("td", {}))),
          h("tbody", {}, state.configs.map(row)),
        ),
      ),
    );
  }

  function row(config) {
    const action = (name, run, classes = "") => h(`button.small${classes}`, { type: "button", "data-keep": `${name}-${config.id}`, "aria-label": `${name} ${config.name}`, onclick: run }, name);
    return h(
      "tr",
      {},
      h("td", {}, h("strong", {}, config.name), h("p", {}, h("code.quiet", {}, config.id))),
      h("td.place", {}, h("span.mono", {}, config.place)),
      h("td.nowrap", {}, config.caching.description),
      h("td.nowrap", {}, config.embedded ? "off" : (config.mtls.sslmode ?? "require")),
      h("td.number", {}, config.origin_connection_limit),
      h(
        "td",
        {},
        config.bindings.map((each) =>
          h(
            "p.nowrap",
            {},
            h("code", {}, `env.${each.binding}`),
            each.environment ? h("span.quiet", {}, ` (${each.environment})`) : null,
            " ",
            h("button.link", { type: "button", "aria-label": `Unbind env.${each.binding}`, onclick: () => act(() => post(`/api/configs/${config.id}/unbind`, { binding: each.binding, ...environmentOf(each.environment) })) }, "unbind"),
          ),
        ),
        config.bindings.length ? null : h("span.quiet", {}, "–"),
      ),
      h(
        "td.actions",
        {},
        action("Test", () => act(() => post(`/api/configs/${config.id}/test`), `Testing the connection of ${config.name}…`)),
        " ",
        state.config_file ? [action("Bind", () => bind(config)), " "] : null,
        action("Edit", () => edit(config)),
        " ",
        action("Delete", () => askDelete(config), ".danger"),
      ),
    );
  }

  async function act(run, busy = null) {
    if (busy) replace(messages, h("p.note.grey", {}, busy));
    try {
      say((await run()).messages);
    } catch (error) {
      replace(messages, h("p.note.red", {}, prose(error.text ?? error)));
    }
    again();
  }

  function say(all) {
    const colours = { success: "green", warning: "amber", error: "red", out: "grey", info: "grey" };
    replace(messages, all.filter((each) => each.level !== "out" || all.length === 1).map((each) => h(`p.note.${colours[each.level]}`, {}, prose(each.text))));
  }

  function askDelete(config) {
    openDialog(`Delete ${config.name}?`, (heading, close) =>
      h(
        "form",
        { method: "dialog", onsubmit: () => act(() => remove(`/api/configs/${config.id}`)) },
        heading,
        h("p", {}, config.bindings.length ? `It is bound as ${config.bindings.map((each) => `env.${each.binding}`).join(", ")}: these bindings stay in ${state.config_file}, and lead nowhere then.` : "It is not bound in this project."),
        h("div.buttons", {}, h("button", { type: "button", onclick: close, autofocus: true }, "Cancel"), h("button.danger", { type: "submit" }, "Delete")),
      ),
    );
  }

  function bind(config) {
    openDialog(`Bind ${config.name}`, (heading, close) => {
      const name = h("input", { value: "HYPERDRIVE", required: true, autocomplete: "off", spellcheck: "false", autofocus: true });
      const environment = environmentSelect();
      const replaces = h("input", { type: "checkbox" });
      const problem = h("div", { role: "alert" });
      return h(
        "form",
        {
          onsubmit: (event) =>
            submit(event, problem, close, () => post(`/api/configs/${config.id}/bind`, { binding: name.value, replace: replaces.checked, ...environmentOf(environment?.value) })),
        },
        heading,
        h("p.quiet", {}, `Writes a binding into ${state.config_file}: the Worker finds the database in env under its name.`),
        field("Name of the binding", name),
        environment ? field("Environment", environment) : null,
        h("label", {}, replaces, "Replace a Hyperdrive binding of that name"),
        problem,
        h("div.buttons", {}, h("button", { type: "button", onclick: close }, "Cancel"), h("button.main", { type: "submit" }, "Bind")),
      );
    });
  }

  const environmentOf = (environment) => (environment ? { environment } : {});

  function environmentSelect() {
    if (!state.environments.length) return null;
    return h("select", {}, h("option", { value: "" }, "top level"), state.environments.map((each) => h("option", { value: each }, each)));
  }

  async function submit(event, problem, close, run) {
    event.preventDefault();
    const button = event.submitter;
    if (button) button.disabled = true;
    replace(problem, h("p.quiet", {}, "Working…"));
    try {
      const answer = await run();
      close();
      say(answer.messages);
      again();
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      replace(problem, h("p.note.red", {}, prose(error.text)));
    } finally {
      if (button) button.disabled = false;
    }
  }

  function edit(config) {
    openDialog(config ? `Edit ${config.name}` : "Create configuration", (heading, close) => {
      const form = configForm(config, state, environmentSelect());
      const problem = h("div", { role: "alert" });
      return h(
        "form",
        {
          autocomplete: "off",
          onsubmit: (event) =>
            submit(event, problem, close, () => (config ? patch(`/api/configs/${config.id}`, form.read()) : post("/api/configs", form.read()))),
        },
        heading,
        form.fields,
        problem,
        h("div.buttons", {}, h("button", { type: "button", onclick: close }, "Cancel"), h("button.main", { type: "submit" }, config ? "Save" : "Create")),
      );
    });
  }

  return { element };
}

/** The fields of a config. `read` gives what the API takes; of an existing one, what was changed. */
function configForm(config, state, environment) {
  const text = (value = "", more = {}) => h("input", { value: value ?? "", autocomplete: "off", spellcheck: "false", ...more });
  const secret = (more = {}) => h("input", { type: "password", autocomplete: "new-password", ...more });
  const whole = (value, more = {}) => h("input", { type: "number", value: value ?? "", step: 1, ...more });
  const origin = config?.origin ?? {};
  const name = text(config?.name, { required: true, autofocus: !config });
  const string = secret({ placeholder: "postgres://user:password@host:5432/database" });
  const host = text(origin.host);
  const port = whole(origin.port, { placeholder: "5432" });
  const database = text(origin.database);
  const user = text(origin.user);
  const password = secret({ placeholder: config && !config.embedded ? "unchanged" : "" });
  const disabled = h("input", { type: "checkbox", checked: config?.caching.disabled ?? false, onchange: () => sync() });
  const maxAge = whole(config?.caching.max_age, { placeholder: "60" });
  const stale = whole(config?.caching.stale_while_revalidate, { placeholder: "15" });
  const limit = whole(config?.origin_connection_limit, { placeholder: "20" });
  const sslmode = h("select", {}, ["", "require", "verify-ca", "verify-full"].map((mode) => h("option", { value: mode, selected: mode === (config?.mtls.sslmode ?? "") }, mode || (config ? "unchanged" : "require (the default)"))));
  const certificates = (kind, chosen) =>
    h("select", {}, h("option", { value: "" }, "none"), state.certificates.filter((each) => each.kind === kind).map((each) => h("option", { value: each.id, selected: each.id === chosen }, each.name ?? each.id)));
  const authority = certificates("certificate-authority", config?.mtls.ca_certificate_id);
  const client = certificates("mtls-certificate", config?.mtls.mtls_certificate_id);
  const check = h("input", { type: "checkbox", checked: true });
  const binding = text("", { placeholder: "HYPERDRIVE" });
  const parts = h("div.pair", {}, field("Host", host), field("Port", port), field("User", user), field("Password", password));
  const whereString = h("div", {}, field("Connection string", string, "It is stored, and never shown again."));
  const kinds = [["string", "Connection string"], ["parts", "Host, user, …"], ["embedded", "Embedded PostgreSQL"]];
  const group = newId("origin");
  let kind = config ? (config.embedded ? "embedded" : "parts") : "string";
  const databaseField = field("Database", database);
  const tls = h("fieldset", {}, h("legend", {}, "TLS to the origin"), h("div.pair", {}, field("Mode", sslmode), field("CA certificate", authority), field("Client certificate", client)));
  const ages = h("div.pair", {}, field("Max age, in seconds", maxAge), field("Stale while revalidate, in seconds", stale));

  function sync() {
    whereString.hidden = kind !== "string";
    parts.hidden = kind !== "parts";
    databaseField.hidden = kind === "string";
    tls.hidden = kind === "embedded";
    ages.hidden = disabled.checked;
    string.required = kind === "string";
    for (const each of [host, user]) each.required = kind === "parts";
    password.required = kind === "parts" && (!config || config.embedded);
  }
  sync();

  const fields = [
    field("Name", name),
    h(
      "fieldset",
      {},
      h("legend", {}, "Origin"),
      h("div.choices", {}, kinds.map(([value, label]) => h("label", {}, h("input", { type: "radio", name: group, value, checked: value === kind, onchange: () => { kind = value; sync(); } }), label))),
      whereString,
      parts,
      databaseField,
    ),
    h("fieldset", {}, h("legend", {}, "Caching"), h("label", {}, disabled, "Disable caching"), ages),
    field("Origin connection limit", limit, "5 to 1500."),
    tls,
    config || !state.config_file ? null : h("fieldset", {}, h("legend", {}, `Bind it in ${state.config_file}`), h("div.pair", {}, field("Name of the binding", binding, "Empty: it is not bound."), environment ? field("Environment", environment) : null)),
    h("label", {}, check, "Make a test connection"),
  ];

  function read() {
    const body = { check: check.checked };
    const put = (key, value, before) => {
      if (value !== "" && value !== null && value !== undefined && value !== before) body[key] = value;
    };
    const integer = (input) => (input.value === "" ? null : Number(input.value));
    put("name", name.value, config?.name);
    if (kind === "string") put("connection_string", string.value);
    if (kind === "parts") {
      put("origin_host", host.value, origin.host);
      put("origin_port", integer(port), origin.port);
      put("origin_user", user.value, origin.user);
      put("origin_password", password.value);
      put("database", database.value, config?.embedded ? undefined : origin.database);
    }
    if (kind === "embedded") {
      if (!config?.embedded) body.embedded = true;
      put("database", database.value, config?.embedded ? origin.database : undefined);
    }
    if (disabled.checked !== (config?.caching.disabled ?? false)) body.caching_disabled = disabled.checked;
    if (!disabled.checked) {
      put("max_age", integer(maxAge), config?.caching.max_age);
      put("swr", integer(stale), config?.caching.stale_while_revalidate);
    }
    put("origin_connection_limit", integer(limit), config?.origin_connection_limit);
    if (kind !== "embedded") {
      put("sslmode", sslmode.value, config?.mtls.sslmode ?? "");
      for (const [key, select] of [["ca_certificate_id", authority], ["mtls_certificate_id", client]]) {
        if (select.value !== (config?.mtls[key] ?? "")) body[key] = select.value;
      }
    }
    if (!config) {
      put("binding", binding.value);
      if (body.binding) put("environment", environment?.value);
    }
    return body;
  }

  return { fields, read };
}
