// Keeps a page up to date that is made from an answer of the API.

import { h, prose, replace } from "./dom.js";
import { store } from "./store.js";

const EVERY_MS = 1500;

/** Runs `refresh` now, and again after queries have come in or as pools change, until `signal` aborts. */
export function refreshing(refresh, signal, problems, events = ["queries", "session"]) {
  let running = false;
  let wanted = false;
  let last = 0;

  async function run() {
    if (running || signal.aborted) {
      wanted = true;
      return;
    }
    running = true;
    wanted = false;
    last = Date.now();
    try {
      await refresh();
    } catch (error) {
      if (!signal.aborted) replace(problems, h("p.note.amber", { role: "alert" }, prose(error.text ?? error)));
    }
    running = false;
    if (wanted && !signal.aborted) soon();
  }

  let timer = null;
  function soon() {
    if (timer !== null) return;
    timer = setTimeout(() => {
      timer = null;
      run();
    }, Math.max(0, last + EVERY_MS - Date.now()));
  }

  for (const event of events) store.on(event, soon, signal);
  signal.addEventListener("abort", () => clearTimeout(timer));
  run();
  return run;
}
