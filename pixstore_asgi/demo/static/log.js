/** A log of this page's traffic: the record of a picture that was just loaded, and the result of the log's reader. */

import { drawNoise, drawPicture } from "./log-canvas.js";
import { pictureIn } from "./log-reader.js";
import { isOfOriginal } from "./measured.js";
import { say } from "./messages.js";

/** @import { ImageRecord } from "/images/-/client/index.js" */
/** @import { Measurement } from "./measured.js" */

const SETTLE_MS = 300; // the pictures of one screen arrive one after another, and the log reads only the first
const NOTHING = "Open a picture to see its record here.";

const RESULTS = {
  key: "A reader of this log sees this picture: the log has its key.",
  sealed: "A reader of this log sees noise. Id, size and token are readable; the key is not.",
};

/** @typedef {{title: string, text: string, body: Blob, ratio: number}} Loaded */

export class Log {
  #panel;
  /** @type {Loaded | undefined}  the first picture since the last one was read */
  #next;
  /** @type {Loaded | undefined} */
  #read;
  #timer = 0;
  #isAwaited = false;

  /** @param {HTMLElement} panel */
  constructor(panel) {
    this.#panel = panel;
    this.empty();
  }

  /**
   * Log one load of a picture, if the server sent its ciphertext.
   *
   * @param {Measurement} measurement
   */
  note(measurement) {
    const { answers, error } = measurement;
    const last = answers.at(-1);
    if (!error && last?.wire === "Success") this.#next ??= loaded(measurement, last.pieces);
    for (const answer of answers) answer.pieces = []; // the page keeps the measurement, without the ciphertext
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#readNext(), SETTLE_MS);
  }

  /** Forget the picture, and announce the result of the next one. */
  renew() {
    this.empty();
    this.#part("#log-result").textContent = "The page loads its pictures again …";
    this.#isAwaited = true;
  }

  empty() {
    clearTimeout(this.#timer);
    this.#next = undefined;
    this.#read = undefined;
    this.#isAwaited = false;
    for (const part of ["#log-title", "#log-record"]) this.#part(part).textContent = "";
    this.#part("#log-result").textContent = NOTHING;
    Object.assign(this.#part("#log-picture"), { width: 0, height: 0, ariaLabel: "No picture yet" });
  }

  async #readNext() {
    if (!this.#next) return;
    const read = this.#next;
    this.#next = undefined;
    this.#read = read;
    const body = new Uint8Array(await read.body.arrayBuffer());
    const blob = await pictureIn(read.text, body);
    const picture = blob && (await createImageBitmap(blob));
    if (this.#read === read) this.#show(read, body, picture);
  }

  /**
   * @param {Loaded} read
   * @param {Uint8Array} body
   * @param {ImageBitmap} [picture]  if the log has its key
   */
  #show({ title, text, ratio }, body, picture) {
    const canvas = this.#part("#log-picture");
    if (picture) drawPicture(canvas, picture);
    else drawNoise(canvas, body.subarray(1), ratio);
    canvas.ariaLabel = picture ? `${title}, decrypted by the log` : "Noise: the ciphertext";
    this.#part("#log-title").textContent = `Record of ${title}`;
    this.#showRecord(text);
    const result = picture ? RESULTS.key : RESULTS.sealed;
    this.#part("#log-result").textContent = result;
    if (this.#isAwaited) say(result);
    this.#isAwaited = false;
  }

  /** @param {string} text */
  #showRecord(text) {
    const [before, secret, after] = text.split(/("(?:key|sealed)": ".*")/);
    const mark = document.createElement("mark");
    mark.textContent = secret;
    mark.dataset.kind = secret.startsWith('"key"') ? "key" : "sealed";
    this.#part("#log-record").replaceChildren(before, mark, after);
  }

  /** @param {string} selector */
  #part(selector) {
    return this.#panel.querySelector(selector);
  }
}

/**
 * The record of the size that was loaded, as the server sent it.
 *
 * @param {Measurement} measurement
 * @param {Uint8Array<ArrayBuffer>[]} pieces  of the response
 * @returns {Loaded}
 */
function loaded(measurement, pieces) {
  const { variants, ...original } = measurement.entry.record;
  const isOriginal = isOfOriginal(measurement);
  const record = isOriginal ? original : (variantOf(variants, measurement.record.id) ?? measurement.record);
  return {
    title: `${measurement.entry.title}, ${isOriginal ? "original" : "thumbnail"}`,
    text: JSON.stringify(record, null, 1),
    body: new Blob(pieces),
    ratio: (record.width ?? 3) / (record.height ?? 2),
  };
}

/**
 * @param {Record<string, ImageRecord>} [variants]
 * @param {string} id
 */
const variantOf = (variants = {}, id) => Object.values(variants).find((variant) => variant.id === id);
