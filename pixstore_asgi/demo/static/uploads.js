/** The uploads under way: each has a bar of its own, and can be cancelled. */

import * as api from "./api.js";
import { badge, summary } from "./comparison.js";
import { bytes, errorText, sentence } from "./format.js";
import { say } from "./messages.js";
import { factsIn } from "./metadata.js";
import { fromTemplate } from "./template.js";

/** @import { Entry } from "./api.js" */
/** @import { Fact } from "./exif.js" */

/**
 * What the page knows of a file that became a version of a picture, the one of `token`: its metadata, whether that was to
 * be removed, and how much shorter the picture is for it.
 *
 * @typedef {{token: number, facts: Fact[], strips: boolean, removedBytes: number, badge: string}} Uploaded
 */

const DONE_VISIBLE_MS = 4000;

export class Uploads {
  #list;
  #signal;
  #onDone;

  /**
   * @param {HTMLElement} list
   * @param {AbortSignal} signal  ends them all
   * @param {(entry: Entry, uploaded: Uploaded) => void} onDone
   */
  constructor(list, signal, onDone) {
    this.#list = list;
    this.#signal = signal;
    this.#onDone = onDone;
  }

  /**
   * @param {File[]} files
   * @param {boolean} strips  whether their metadata is to be removed
   */
  start(files, strips) {
    return Promise.all(files.map((file) => this.#upload(file, strips)));
  }

  /**
   * @param {File} file
   * @param {boolean} strips
   */
  async #upload(file, strips) {
    const row = new Row(file);
    this.#list.append(row.element);
    try {
      const signal = AbortSignal.any([this.#signal, row.signal]);
      const entry = await api.upload(file, { strips, onProgress: (sent) => row.progress(sent), signal });
      const facts = await factsIn(file);
      signal.throwIfAborted();
      const uploaded = { facts, strips, removedBytes: file.size - entry.bytes };
      row.finish(summary(uploaded), facts.length > 0);
      say(`${file.name} is encrypted and stored. ${summary(uploaded)}.`);
      this.#onDone(entry, { ...uploaded, token: entry.record.token, badge: badge(uploaded) });
    } catch (error) {
      if (error.name === "AbortError") row.remove();
      else row.refuse(errorText(error));
    }
  }
}

/** One line of the list. */
class Row {
  #name;
  #size;
  #cancel = new AbortController();

  /** @param {File} file */
  constructor(file) {
    this.#name = file.name;
    this.#size = file.size;
    this.element = fromTemplate("#upload");
    this.#part(".name").textContent = file.name;
    this.#part(".state").textContent = `0 of ${bytes(file.size)} sent`;
    this.#part("progress").ariaLabel = `Upload of ${file.name}`;
    this.#part("button").ariaLabel = `Cancel the upload of ${file.name}`;
    this.#part("button").addEventListener("click", () => {
      this.#cancel.abort();
      this.remove();
    });
  }

  get signal() {
    return this.#cancel.signal;
  }

  /** @param {number} sent  in bytes */
  progress(sent) {
    const isSent = sent >= this.#size;
    this.#part("progress").value = this.#size > 0 ? sent / this.#size : 1;
    this.#part(".state").textContent = isSent ? "Sent; being resized …" : `${bytes(sent)} of ${bytes(this.#size)} sent`;
    this.element.dataset.outcome = isSent ? "resizing" : "sending";
  }

  /**
   * @param {string} text
   * @param {boolean} stays
   */
  finish(text, stays) {
    this.element.dataset.outcome = "done";
    this.#part("progress").value = 1;
    this.#part(".state").textContent = `Done. ${text}`;
    if (stays) return this.#offerDismissal();
    this.#part("button").hidden = true;
    setTimeout(() => this.remove(), DONE_VISIBLE_MS);
  }

  /** @param {string} text */
  refuse(text) {
    this.element.dataset.outcome = "refused";
    this.#part("progress").hidden = true;
    this.#part(".state").textContent = text;
    this.#offerDismissal();
    say(`${this.#name}: ${sentence(text).replace(/\.+$/, ".")}`);
  }

  remove() {
    const hadFocus = this.element.contains(document.activeElement);
    this.element.remove();
    if (hadFocus) document.querySelector("#file").focus();
  }

  #offerDismissal() {
    this.#part("button").textContent = "Dismiss";
    this.#part("button").ariaLabel = `Dismiss the message on ${this.#name}`;
  }

  /** @param {string} selector */
  #part(selector) {
    return this.element.querySelector(selector);
  }
}
