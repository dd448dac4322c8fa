/** The list of everything the page asked for, the newest first, and what it adds up to. */

import { bytes, counted, errorName, errorText, ms, seconds, time } from "./format.js";
import { fromTemplate } from "./template.js";

/** @import { Measurement } from "./measured.js" */

const MOST_SHOWN = 80;

const EXPLANATIONS = {
  Updated: "The picture is newer than the record: the answer brought the new version's key along.",
  InvalidProof: "The proof is too old, so the store was not even asked. The page fetches a fresh record.",
  tag: "The body is damaged: its tag doesn't fit. Nothing was shown or cached; the page asks again.",
  away: "The server is away. The page waits a moment and asks again.",
};

export class Journal {
  #list;
  #panel;
  #totals = { hits: 0, fetched: 0, refused: 0, bytes: 0 };

  /** @param {HTMLElement} panel */
  constructor(panel) {
    this.#panel = panel;
    this.#list = panel.querySelector("#journal");
  }

  /**
   * Note one look for a picture.
   *
   * @param {string} title
   * @param {Measurement} measurement
   */
  picture(title, measurement) {
    const { wasFetched, wire, blob, error } = measurement;
    const [outcome, total] = blob ? (wasFetched ? ["fetched", "fetched"] : ["hit", "hits"]) : ["failed", "refused"];
    this.#totals[total] += 1;
    this.#totals.bytes += measurement.bytes;
    this.#add(title, outcome, {
      Cache: wasFetched ? "miss" : "hit",
      Proof: proofText(measurement),
      "Wire state": wasFetched ? (wire ?? "no answer") : "no request",
      Received: bytes(measurement.bytes),
      Time: ms(measurement.ms),
    }, error ? explanation(error) : EXPLANATIONS[wire]);
  }

  /**
   * Note one query for records.
   *
   * @param {number} count
   * @param {number} size  in bytes
   * @param {number} duration  in milliseconds
   */
  records(count, size, duration) {
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
    this.#totals = { hits: 0, fetched: 0, refused: 0, bytes: 0 };
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
    const { hits, fetched, refused, bytes: received } = this.#totals;
    const texts = { hits, fetched, refused, received: bytes(received) };
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

/** @param {Measurement} measurement */
export function proofText({ wasFetched, wire, proof }) {
  if (!wasFetched) return "not needed";
  if (wire === "InvalidProof") return "refused";
  const age = `${(Math.max(0, proof.ageMs) / 1000).toFixed(1)} s old`;
  return proof.leftMs > 0 ? `${age}, good for ${seconds(proof.leftMs)}` : `${age}, expired`;
}

/** @param {Error & {reason?: string, status?: number}} error */
function explanation(error) {
  const known = EXPLANATIONS[errorName(error)] ?? EXPLANATIONS[error.reason ?? ""];
  if (known) return known;
  return error.name === "FetchError" ? EXPLANATIONS.away : errorText(error);
}
