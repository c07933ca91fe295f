// Keeps a page up to date that is made from an answer of the API.

import { h, prose, replace } from "./dom.js";
import { store } from "./store.js";

const EVERY_MS = 1500;

/**
 * Puts `children` in the place of what `container` has, and leaves scrolling and focus as they were. It does nothing
 * while somebody reads a chart or selects text: the next time will do.
 */
export function redraw(container, ...children) {
  const selection = getSelection();
  const selects = selection && !selection.isCollapsed && container.contains(selection.anchorNode);
  if (selects || container.querySelector(".chart svg:hover")) return;
  const nameOf = (element) => element.id || element.dataset.keep || element.getAttribute("aria-label");
  const focused = container.contains(document.activeElement) ? nameOf(document.activeElement) : null;
  const scrolled = [...container.querySelectorAll(".scroll")].map((region) => [nameOf(region), region.scrollLeft, region.scrollTop]);
  replace(container, ...children);
  for (const [name, left, top] of scrolled) {
    const region = [...container.querySelectorAll(".scroll")].find((each) => nameOf(each) === name);
    if (region) {
      region.scrollLeft = left;
      region.scrollTop = top;
    }
  }
  if (focused) [...container.querySelectorAll("[id], [data-keep], [aria-label]")].find((each) => nameOf(each) === focused)?.focus({ preventScroll: true });
}

/** Runs `refresh` now, and again after queries have come in or as pools change, until `signal` aborts. */
export function refreshing(refresh, signal, problems, events = ["queries", "session"]) {
  let running = false;
  let wanted = false;
  let last = 0;
  let pause = EVERY_MS;

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
    // What takes the session long is asked for more rarely: it has queries to serve.
    pause = Math.max(EVERY_MS, 10 * (Date.now() - last));
    running = false;
    if (wanted && !signal.aborted) soon();
  }

  let timer = null;
  function soon() {
    if (timer !== null) return;
    timer = setTimeout(() => {
      timer = null;
      run();
    }, Math.max(0, last + pause - Date.now()));
  }

  for (const event of events) store.on(event, soon, signal);
  signal.addEventListener("abort", () => clearTimeout(timer));
  run();
  return run;
}
