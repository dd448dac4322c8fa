/** The acceptance list's page for `<pix-image>`. */

import * as client from "/images/-/client/index.js";
import "/images/-/client/element.js";

import { offer } from "./acceptance.js";

const pictures = document.querySelector("main");
const versionOf = (record) => [record?.id, record?.token, record?.statelessProof].join();
const told = new WeakMap();
const elementOf = (key) => document.querySelector(`#${key} > pix-image`);

/** Each picture has its element as long as its key is there. */
function render(list) {
  const keys = new Set(list.map(({ key }) => key));
  for (const place of [...pictures.children]) if (!keys.has(place.id)) place.remove();
  list.forEach((wanted, index) => {
    const place = document.getElementById(wanted.key) ?? created(wanted);
    if (pictures.children[index] !== place) pictures.insertBefore(place, pictures.children[index] ?? null);
    say(place.firstChild, wanted);
  });
}

function created({ key, fallback }) {
  const place = Object.assign(document.createElement("div"), { id: key });
  const element = place.appendChild(document.createElement("pix-image"));
  if (fallback) {
    const shown = Object.assign(document.createElement("p"), { slot: "error", hidden: true, textContent: fallback });
    const button = Object.assign(document.createElement("button"), { textContent: "Again" });
    button.dataset.retry = "";
    shown.append(button);
    element.append(shown);
  }
  return place;
}

function say(element, { record, id, alt, width, height, eager }) {
  // Each rendering has objects of its own, and, as a framework does, says only what is new.
  const version = `${versionOf(record)} ${id}`;
  if (version !== told.get(element)) Object.assign(element, { record, srcId: id ?? "" });
  told.set(element, version);
  const attributes = { alt, width, height, loading: eager ? "eager" : undefined };
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined) element.removeAttribute(name);
    else if (element.getAttribute(name) !== String(value)) element.setAttribute(name, value);
  }
}

offer(
  {
    render,
    state: (key) => elementOf(key)?.state ?? "idle",
    error: (key) => elementOf(key)?.error?.name ?? null,
    retry: (key) => elementOf(key).retry(),
  },
  client,
);
