/** The dialog that shows one original, with the life of its last request, its metadata and what can be done to it. */

import { compared } from "./comparison.js";
import { countdown } from "./countdown.js";
import { factsOf } from "./facts.js";
import { bytes, pixels } from "./format.js";
import { factsIn } from "./metadata.js";
import { PictureView } from "./picture-view.js";
import { originalOf, thumbnailOf } from "./sizes.js";
import { fromTemplate } from "./template.js";

/** @import { PictureRecord } from "./api.js" */
/** @import { Compared } from "./comparison.js" */
/** @import { Measurement } from "./measured.js" */
/** @import { Session, Tile } from "./tile.js" */

export class Detail {
  #dialog;
  #session;
  #view;
  #act;
  /** @type {Tile | undefined} */
  #tile;
  /** @type {Measurement | undefined} of the picture whose metadata is shown */
  #read;
  #ticking = 0;
  #onChange = () => this.#render();
  #onGone = () => this.close();

  /**
   * @param {HTMLDialogElement} dialog
   * @param {(action: string, tile: Tile, view: PictureView) => Promise<void>} act  does what a button says
   * @param {Session} session
   */
  constructor(dialog, act, session) {
    const { signal } = session;
    this.#dialog = dialog;
    this.#session = session;
    this.#view = new PictureView(dialog, session, originalOf);
    this.#act = act;
    this.#part(".preview").client = session.client;
    dialog.addEventListener("close", () => this.#leave(), { signal });
    dialog.addEventListener("click", ({ target }) => this.#onClick(target), { signal });
  }

  /** @param {Tile} tile */
  open(tile) {
    this.#tile = tile;
    tile.addEventListener("change", this.#onChange);
    tile.addEventListener("gone", this.#onGone);
    this.#part("#metadata-summary").textContent = "Read from the original when it has arrived.";
    this.#ticking = setInterval(() => this.#tick(), 500);
    this.#part(".preview").record = tile.shown;
    this.#render();
    this.#dialog.showModal();
    this.#act("open", tile, this.#view);
  }

  close() {
    if (this.#dialog.open) this.#dialog.close();
    this.#leave(); // at once: the dialog's own event comes later
  }

  /** @param {Element} target */
  async #onClick(target) {
    const action = target.closest("button")?.dataset.action;
    if (target === this.#dialog || action === "close")
      this.close(); // the dialog itself: its backdrop
    else if (action && this.#dialog.ariaBusy !== "true") {
      this.#dialog.ariaBusy = "true";
      await this.#act(action, this.#tile, this.#view);
      this.#dialog.ariaBusy = "false";
    }
  }

  #leave() {
    clearInterval(this.#ticking);
    this.#tile?.removeEventListener("change", this.#onChange);
    this.#tile?.removeEventListener("gone", this.#onGone);
    this.#tile?.close();
    this.#tile = undefined;
    this.#read = undefined;
    this.#part(".title").textContent = "";
    this.#part("#countdown").textContent = "";
    this.#part("#metadata").replaceChildren();
    this.#part("#metadata-summary").textContent = "";
    for (const fact of this.#dialog.querySelectorAll("[data-fact]")) fact.textContent = "";
  }

  #render() {
    const { title, measurement, entry, id } = this.#tile;
    this.#part(".title").textContent = title;
    this.#part(".picture").alt = title;
    if (entry) this.#shape(entry.record);
    this.#fact("Id", id);
    if (!measurement) return;
    this.#fact("Token", tokenText(measurement));
    this.#fact("Request for", "nothing");
    for (const [name, text] of Object.entries(factsOf(measurement))) this.#fact(name, text);
    const { width, height } = thumbnailOf(entry);
    this.#fact("Original", `${pixels(entry.record.width, entry.record.height)}, ${bytes(entry.bytes)}`);
    this.#fact("Thumbnail", pixels(width, height));
    this.#tick();
    if (!measurement.error) this.#readMetadata(measurement);
  }

  /** @param {PictureRecord} record  which may not know how large its picture is */
  #shape({ width = 3, height = 2 }) {
    this.#part(".stage").style.setProperty("--ratio", String(width / height));
  }

  /** @param {Measurement} measurement  of the original as it is stored, decrypted */
  async #readMetadata(measurement) {
    if (measurement === this.#read) return;
    this.#read = measurement;
    const after = await factsIn(measurement.blob ?? (await this.#session.client.getImage(measurement.record)));
    if (this.#read !== measurement) return;
    const { uploaded } = this.#tile;
    const facts = compared(uploaded?.facts ?? [], after);
    this.#part("#metadata").replaceChildren(...facts.map((fact) => metadataRow(fact, Boolean(uploaded))));
    this.#part("#metadata-summary").textContent = metadataText(facts, uploaded?.removedBytes ?? 0);
  }

  #tick() {
    if (this.#tile?.measurement) this.#part("#countdown").textContent = countdown(this.#tile.entry);
  }

  /**
   * @param {string} name
   * @param {string} text
   */
  #fact(name, text) {
    this.#part(`[data-fact="${name}"]`).textContent = text;
  }

  /** @param {string} selector */
  #part(selector) {
    return this.#dialog.querySelector(selector);
  }
}

/** @param {Measurement} measurement */
function tokenText({ entry, answers }) {
  const { token } = entry.record;
  return answers.at(-1)?.wire === "Updated" ? `${token}, answered with a newer one` : String(token);
}

/**
 * @param {Compared} fact
 * @param {boolean} isUploaded
 */
function metadataRow({ name, value, isKept }, isUploaded) {
  const row = fromTemplate("#metadata-fact");
  row.dataset.fate = isKept ? "kept" : "removed";
  row.querySelector("dt").textContent = name;
  row.querySelector(".value").textContent = value;
  row.querySelector(".fate").textContent = isKept ? (isUploaded ? "kept" : "") : "removed";
  return row;
}

/**
 * @param {Compared[]} facts
 * @param {number} removedBytes
 */
function metadataText(facts, removedBytes) {
  const kept = facts.filter(({ isKept, name }) => isKept && name !== "Orientation").length;
  if (facts.length === 0) return "None, as read from the decrypted picture just now.";
  if (kept > 0) return "Anyone with this picture can read this:";
  const size = removedBytes > 0 ? `, ${bytes(removedBytes)}` : "";
  return `The dropped file had this${size}. The decrypted picture, read just now, does not.`;
}
