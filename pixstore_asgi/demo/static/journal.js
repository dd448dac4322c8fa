/** The list of everything the page asked for, the newest first, and what it adds up to. */

import { explanation, factsOf, receivedBytes } from "./facts.js";
import { bytes, counted, ms, time } from "./format.js";
import { isOfOriginal } from "./measured.js";
import { fromTemplate } from "./template.js";

/** @import { Measurement } from "./measured.js" */

const MOST_SHOWN = 80;

export class Journal {
  #list;
  #panel;
  #totals = { queries: 0, requests: 0, failed: 0, bytes: 0 };

  /** @param {HTMLElement} panel */
  constructor(panel) {
    this.#panel = panel;
    this.#list = panel.querySelector("#journal");
  }

  /**
   * Note one look for a picture.
   *
   * @param {Measurement} measurement
   */
  picture(measurement) {
    const { hit, error, entry } = measurement;
    const title = isOfOriginal(measurement) ? `${entry.title}, original` : entry.title;
    if (error) this.#totals.failed += 1;
    this.#totals.bytes += receivedBytes(measurement);
    this.#add(title, error ? "failed" : hit ? "hit" : "fetched", factsOf(measurement), explanation(measurement));
  }

  /** Note one request for pictures; what came of it is told picture by picture. */
  request() {
    this.#totals.requests += 1;
    this.#showTotals();
  }

  /**
   * Note one query for records.
   *
   * @param {number} count
   * @param {number} size  in bytes
   * @param {number} duration  in milliseconds
   */
  records(count, size, duration) {
    this.#totals.queries += 1;
    this.#totals.bytes += size;
    this.#add(counted(count, "record"), "records", { Query: "one", Received: bytes(size), Time: ms(duration) });
  }

  /**
   * Note something that changed the gallery.
   *
   * @param {string} title
   * @param {string} note
   */
  change(title, note) {
    this.#add(title, "change", {}, note);
  }

  empty() {
    this.#list.replaceChildren();
    this.#totals = { queries: 0, requests: 0, failed: 0, bytes: 0 };
    this.#showTotals();
  }

  /**
   * @param {string} title
   * @param {string} outcome
   * @param {Record<string, string>} facts
   * @param {string} [note]
   */
  #add(title, outcome, facts, note = "") {
    const entry = fromTemplate("#journal-entry");
    entry.dataset.outcome = outcome;
    entry.querySelector(".what").textContent = title;
    entry.querySelector("time").textContent = time(new Date());
    entry.querySelector(".note").textContent = note;
    const list = entry.querySelector("dl");
    if (Object.keys(facts).length > 0) list.append(...Object.entries(facts).map(([name, value]) => factOf(name, value)));
    else list.remove();
    this.#list.prepend(entry);
    while (this.#list.childElementCount > MOST_SHOWN) this.#list.lastElementChild.remove();
    this.#showTotals();
  }

  #showTotals() {
    const { bytes: received, ...counts } = this.#totals;
    const texts = { ...counts, received: bytes(received) };
    for (const [name, text] of Object.entries(texts)) {
      this.#panel.querySelector(`[data-total=${name}]`).textContent = String(text);
    }
  }
}

/**
 * @param {string} name
 * @param {string} value
 */
function factOf(name, value) {
  const fact = document.createElement("div");
  const term = document.createElement("dt");
  const description = document.createElement("dd");
  term.textContent = name;
  description.textContent = value;
  fact.append(term, " ", description, " ");
  return fact;
}
