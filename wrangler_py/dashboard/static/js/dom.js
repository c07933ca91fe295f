// Makes elements. Text only ever becomes text: nothing here parses HTML.

const SVG = "http://www.w3.org/2000/svg";

/** `h("button.main", {onclick}, "Save")`: classes behind dots; functions become listeners, the rest attributes. */
export function h(name, properties, ...children) {
  const [tag, ...classes] = name.split(".");
  const element = document.createElement(tag);
  if (classes.length) element.className = classes.join(" ");
  return fill(element, properties, children);
}

export function svg(tag, properties, ...children) {
  return fill(document.createElementNS(SVG, tag), properties, children);
}

function fill(element, properties, children) {
  for (const [key, value] of Object.entries(properties ?? {})) {
    if (value === undefined || value === null || value === false) continue;
    if (typeof value === "function") element.addEventListener(key.slice(2), value);
    else if (key === "value" || key === "checked" || key === "selected") element[key] = value;
    else element.setAttribute(key, value === true ? "" : value);
  }
  append(element, children);
  return element;
}

export function append(element, children) {
  for (const child of children.flat(Infinity)) {
    if (child === undefined || child === null || child === false) continue;
    element.append(child instanceof Node ? child : visible(String(child)));
  }
}

// Control characters, and those that turn the direction of the text that follows: SQL would not read as it runs.
const HIDDEN = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g;

/** `text` with such characters as escapes: `\u202e`. */
function visible(text) {
  return text.replace(HIDDEN, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

/** Puts `children` in the place of what `element` has. */
export function replace(element, ...children) {
  element.replaceChildren();
  append(element, children);
  return element;
}

/** Text in which what stands between backticks is code. */
export function prose(text) {
  return String(text)
    .split(/`([^`\n]+)`/)
    .map((part, index) => (index % 2 ? h("code", {}, part) : part));
}

let ids = 0;

/** An id that no other element has. */
export function newId(prefix) {
  ids += 1;
  return `${prefix}-${ids}`;
}

/** A labelled field: `field("Name", input, "What it is for.")`. */
export function field(label, input, about) {
  const small = about ? h("small", { id: newId("about") }, about) : null;
  if (small) input.setAttribute("aria-describedby", small.id);
  return h("label.field", {}, h("span", {}, label), input, small);
}

/** Shows the message of an action for a few seconds. */
export function toast(text, failed = false) {
  const shown = h(failed ? "div.red" : "div", {}, prose(text));
  document.getElementById("toasts").append(shown);
  setTimeout(() => shown.remove(), failed ? 12000 : 5000);
}

/** A modal dialog that is removed when it is closed; focus goes back to where it was. */
export function openDialog(title, content) {
  const heading = h("h2", { id: newId("title") }, title);
  const dialog = h("dialog", { "aria-labelledby": heading.id }, content(heading, () => dialog.close()));
  dialog.addEventListener("close", () => dialog.remove());
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) dialog.close();
  });
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}

/** Asks before something is done that cannot be undone. */
export function confirmDialog(title, text, action, run) {
  openDialog(title, (heading, close) =>
    h(
      "form",
      {
        method: "dialog",
        onsubmit: () => run(),
      },
      heading,
      h("p", {}, text),
      h(
        "div.buttons",
        {},
        h("button", { type: "button", onclick: close }, "Cancel"),
        h("button.main", { type: "submit", autofocus: true }, action),
      ),
    ),
  );
}

export function empty(title, ...text) {
  return h("div.empty", {}, h("h2", {}, title), text.map((line) => h("p", {}, line instanceof Node ? line : prose(line))));
}
