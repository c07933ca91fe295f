// Latency and faults: simulated conditions, switched while the session runs.

import { get, put, ApiError } from "./api.js";
import { h, field, openDialog, prose, replace, toast } from "./dom.js";
import { store } from "./store.js";

let current = null;

export function conditionsButton() {
  const button = h("button.small", { type: "button", onclick: open }, label());
  if (current === null) {
    current = { latency: [], faults: [] };
    get("/api/conditions").then(
      (conditions) => {
        current = conditions;
        store.emit("session");
      },
      () => {},
    );
  }
  if (isOn()) button.setAttribute("aria-pressed", "true");
  return button;
}

const isOn = () => Boolean(current && (current.latency.length || current.faults.length));
const label = () => (isOn() ? `Simulating: ${[...current.latency, ...current.faults].join(", ")}` : "Latency and faults");

async function open() {
  try {
    current = await get("/api/conditions");
  } catch (error) {
    toast(error.text ?? String(error), true);
    return;
  }
  openDialog("Latency and faults", (heading, close) => {
    const latency = h("input", { name: "latency", value: current.latency.join(" "), placeholder: "25ms, 20-40ms, or HYPERDRIVE=25ms", autocomplete: "off", spellcheck: "false" });
    const faults = h("textarea", { name: "faults", rows: 4, value: current.faults.join("\n"), placeholder: "pool-exhausted:5%\nconnection-lost:/articles/", spellcheck: "false" });
    const problem = h("div", { role: "alert" });
    const apply = async (wanted) => {
      try {
        current = await put("/api/conditions", wanted);
        store.emit("session");
        toast(isOn() ? label() : "Nothing is simulated any more.");
        close();
      } catch (error) {
        if (!(error instanceof ApiError)) throw error;
        replace(problem, h("p.note.red", {}, prose(error.text)));
      }
    };
    return h(
      "form",
      {
        onsubmit: (event) => {
          event.preventDefault();
          apply({
            latency: latency.value.split(/[\s,]+/).filter(Boolean),
            faults: faults.value.split("\n").map((line) => line.trim()).filter(Boolean),
          });
        },
      },
      heading,
      h("p.quiet", {}, "On this machine, a database answers in a fraction of a millisecond and never fails. Simulate production here."),
      field("Latency of each round trip", latency, "A round trip's time, or a range. Cache hits are not delayed; a new origin connection takes seven round trips."),
      field("Faults, one a line", faults, "pool-exhausted, connection-refused, connection-lost, statement-timeout or restart, then a rate (:5%) or a pattern of the SQL (:/articles/)."),
      problem,
      h(
        "div.buttons",
        {},
        isOn() ? h("button", { type: "button", onclick: () => apply({ latency: [], faults: [] }) }, "Turn off") : null,
        h("button", { type: "button", onclick: close }, "Cancel"),
        h("button.main", { type: "submit" }, "Apply"),
      ),
    );
  });
}
