/** What thumbnails save: the bytes of those that were shown beside those of their originals. */

import { bytes, counted, ms } from "./format.js";
import { isOfOriginal } from "./measured.js";

/** @import { Measurement } from "./measured.js" */

const BYTES_PER_MS = 1250; // 10 Mbit/s: on one machine all is fast, and what is measured is mostly how busy it is

export class Savings {
  #panel;
  /** @type {Map<string, {thumbnail: number, original: number}>} bytes, by picture */
  #shown = new Map();

  /** @param {HTMLElement} panel */
  constructor(panel) {
    this.#panel = panel;
  }

  /** @param {Measurement} measurement */
  note({ blob, ...measurement }) {
    if (!blob || isOfOriginal(measurement)) return;
    const { entry } = measurement;
    this.#shown.set(entry.record.id, { thumbnail: blob.size, original: entry.bytes });
    this.#show();
  }

  empty() {
    this.#shown.clear();
    this.#show();
  }

  #show() {
    const shown = [...this.#shown.values()];
    const thumbnails = shown.reduce((sum, { thumbnail }) => sum + thumbnail, 0);
    const originals = shown.reduce((sum, { original }) => sum + original, 0);
    const share = originals > 0 ? Math.min(1, thumbnails / originals) : 0;
    this.#write("thumbnails", `${counted(shown.length, "picture")}, ${bytes(thumbnails)}`);
    this.#write("originals", bytes(originals));
    this.#write("time", `${ms(thumbnails / BYTES_PER_MS)} instead of ${ms(originals / BYTES_PER_MS)}`);
    this.#write(
      "saved",
      share > 0 && share < 1 ? `${Math.floor(100 * (1 - share))} % less to send, decrypt and keep.` : "",
    );
    this.#panel.querySelector(".savings").style.setProperty("--share", String(share));
  }

  /**
   * @param {string} name
   * @param {string} text
   */
  #write(name, text) {
    this.#panel.querySelector(`[data-saving=${name}]`).textContent = text;
  }
}
