// A list of any length of which only the rows in sight are in the document.
// It is a grid for screen readers: one tab stop, arrow keys move, Enter opens.

import { h, newId } from "./dom.js";

const MARGIN_ROWS = 6;
const narrow = matchMedia("(max-width: 820px)");

export class VirtualList {
  /** `row(item)` makes the cells of a row; `onopen(item)` is called when one is chosen; `key(item)` tells them apart. */
  constructor({ label, columns, row, rowClass, key, onopen }) {
    this.makeRow = row;
    this.rowClass = rowClass;
    this.key = key;
    this.onopen = onopen;
    this.items = [];
    this.active = -1;
    this.opened = null;
    this.rows = new Map();
    this.id = newId("list");
    this.spacer = h("div", { role: "presentation" });
    this.body = h(
      "div.viewport",
      {
        role: "grid",
        tabindex: 0,
        "aria-label": label,
        "aria-colcount": columns.length,
        onscroll: () => this.schedule(),
        onkeydown: (event) => this.keyPressed(event),
        onfocus: () => this.activate(this.active < 0 && this.items.length ? this.firstInSight() : this.active),
        onclick: (event) => this.clicked(event),
      },
      this.spacer,
    );
    this.header = h("div.columns", { "aria-hidden": "true" }, columns.map(([name, classes]) => h(`span${classes ?? ""}`, {}, name)));
    this.element = [this.header, this.body];
    this.observer = new ResizeObserver(() => this.draw());
    this.observer.observe(this.body);
    this.pending = false;
  }

  close() {
    this.observer.disconnect();
  }

  get rowHeight() {
    return narrow.matches ? 58 : 36;
  }

  /** Shows `items`; `inserted` of them are new at the top, and what the person looks at stays where it is. */
  show(items, inserted = 0) {
    const follows = this.body.scrollTop < this.rowHeight / 2;
    const activeItem = this.items[this.active];
    this.items = items;
    if (activeItem !== undefined) {
      const shifted = this.active + inserted;
      this.active = items[shifted] === activeItem ? shifted : items.indexOf(activeItem);
    }
    this.spacer.style.height = `${items.length * this.rowHeight}px`;
    this.body.setAttribute("aria-rowcount", items.length);
    if (!follows && inserted) this.body.scrollTop += inserted * this.rowHeight;
    this.draw();
  }

  /** Marks the item with that key as the one that is open. */
  markOpened(key) {
    this.opened = key;
    this.draw();
  }

  schedule() {
    if (this.pending) return;
    this.pending = true;
    requestAnimationFrame(() => {
      this.pending = false;
      this.draw();
    });
  }

  firstInSight() {
    return Math.min(this.items.length - 1, Math.ceil(this.body.scrollTop / this.rowHeight));
  }

  draw() {
    const height = this.rowHeight;
    this.spacer.style.height = `${this.items.length * height}px`;
    const first = Math.max(0, Math.floor(this.body.scrollTop / height) - MARGIN_ROWS);
    const last = Math.min(this.items.length, Math.ceil((this.body.scrollTop + this.body.clientHeight) / height) + MARGIN_ROWS);
    const kept = new Map();
    for (let index = first; index < last; index += 1) {
      const item = this.items[index];
      const key = this.key(item);
      let row = this.rows.get(key);
      if (!row) {
        row = h(`div.row${this.rowClass(item)}`, { role: "row", id: `${this.id}-${key}` }, this.makeRow(item));
        for (const cell of row.children) cell.setAttribute("role", "gridcell");
      }
      row.dataset.index = index;
      row.setAttribute("aria-rowindex", index + 1);
      row.setAttribute("aria-selected", String(key === this.opened));
      row.classList.toggle("active", index === this.active);
      row.style.transform = `translateY(${index * height}px)`;
      kept.set(key, row);
    }
    for (const [key, row] of this.rows) if (!kept.has(key)) row.remove();
    // In the order of the list, for screen readers; those that stay are not touched.
    let before = this.spacer;
    for (const row of kept.values()) {
      if (before.nextSibling !== row) before.after(row);
      before = row;
    }
    this.rows = kept;
    const active = this.items[this.active];
    if (active !== undefined && kept.has(this.key(active))) this.body.setAttribute("aria-activedescendant", `${this.id}-${this.key(active)}`);
    else this.body.removeAttribute("aria-activedescendant");
  }

  activate(index) {
    if (index < 0 || index >= this.items.length) return;
    this.active = index;
    const top = index * this.rowHeight;
    if (top < this.body.scrollTop) this.body.scrollTop = top;
    const hidden = top + this.rowHeight - this.body.scrollTop - this.body.clientHeight;
    if (hidden > 0) this.body.scrollTop += hidden;
    this.draw();
  }

  keyPressed(event) {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const page = Math.max(1, Math.floor(this.body.clientHeight / this.rowHeight) - 1);
    const end = this.items.length - 1;
    const to = {
      ArrowDown: Math.min(end, this.active + 1),
      ArrowUp: Math.max(0, this.active - 1),
      PageDown: Math.min(end, this.active + page),
      PageUp: Math.max(0, this.active - page),
      Home: 0,
      End: end,
    }[event.key];
    if (to !== undefined) {
      event.preventDefault();
      this.activate(to);
    } else if ((event.key === "Enter" || event.key === " ") && this.items[this.active] !== undefined) {
      event.preventDefault();
      this.onopen(this.items[this.active]);
    }
  }

  clicked(event) {
    const row = event.target.closest(".row");
    if (!row) return;
    this.activate(Number(row.dataset.index));
    this.onopen(this.items[this.active]);
  }
}
