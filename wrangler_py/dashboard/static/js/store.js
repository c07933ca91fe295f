// What the page knows of the session: its queries and pool sizes, kept up to date by the stream of events.

import { get } from "./api.js";

const MOST_QUERIES = 20000;
const HISTORY_S = 15 * 60;

class Store extends EventTarget {
  constructor() {
    super();
    this.session = { serving: false, bindings: [], config_file: null, environment: null, version: "" };
    this.state = "connecting";
    this.forget();
  }

  forget() {
    this.queries = []; // oldest first
    this.byNumber = new Map();
    this.last = 0;
    this.samples = new Map(); // by binding, oldest first
    this.startedAt = 0;
  }

  async open() {
    await this.refreshSession();
    if (this.session.serving) {
      const { history } = await get("/api/pools");
      this.addSamples(history);
    }
    this.listen();
  }

  listen() {
    const source = new EventSource(`/api/events?after=${this.last}`);
    source.addEventListener("open", () => {
      if (this.state === "lost") this.refreshSession().catch(() => {});
      this.setState("live");
    });
    source.addEventListener("error", () => {
      this.setState("lost");
      if (source.readyState === EventSource.CLOSED) setTimeout(() => this.listen(), 2000);
    });
    source.addEventListener("queries", (event) => this.addQueries(JSON.parse(event.data)));
    source.addEventListener("pools", (event) => {
      this.addSamples(JSON.parse(event.data).samples);
      this.emit("pools");
    });
    source.addEventListener("session", () => this.refreshSession().catch(() => {}));
  }

  async refreshSession() {
    const session = await get("/api/session");
    if (this.startedAt && session.started_at !== this.startedAt) this.forget();
    this.startedAt = session.started_at;
    this.session = session;
    this.emit("session");
  }

  setState(state) {
    this.state = state;
    this.emit("state");
  }

  addQueries({ first_number, last_number, queries }) {
    if (last_number < this.last) this.forget();
    const before = this.queries.length;
    let gone = 0;
    while (gone < before && this.queries[gone].number < first_number) gone += 1;
    gone = Math.max(gone, before + queries.length - MOST_QUERIES);
    const removed = this.queries.splice(0, Math.min(gone, before));
    for (const query of removed) this.byNumber.delete(query.number);
    for (const query of queries) {
      query.line = query.sql.replace(/\s+/g, " ").trim();
      query.text = query.sql.toLowerCase();
      this.queries.push(query);
      this.byNumber.set(query.number, query);
      this.last = query.number;
    }
    this.emit("queries", { added: queries, removed: removed.length });
  }

  addSamples(samples) {
    for (const sample of samples) {
      if (!this.samples.has(sample.binding)) this.samples.set(sample.binding, []);
      const known = this.samples.get(sample.binding);
      if (known.length && known[known.length - 1].time >= sample.time) continue;
      known.push(sample);
      while (known.length && known[0].time < sample.time - HISTORY_S) known.shift();
    }
  }

  emit(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }

  /** Calls `listener` for events of that type until `signal` aborts. */
  on(type, listener, signal) {
    this.addEventListener(type, (event) => listener(event.detail), { signal });
  }
}

export const store = new Store();
