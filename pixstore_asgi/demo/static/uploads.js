/** The uploads under way: each has a bar of its own, and can be cancelled. */

import * as api from "./api.js";
import { bytes, errorText, sentence } from "./format.js";
import { say } from "./messages.js";
import { fromTemplate } from "./template.js";

/** @import { Entry } from "./api.js" */

const DONE_VISIBLE_MS = 4000;

export class Uploads {
  #list;
  #signal;
  #onDone;

  /**
   * @param {HTMLElement} list
   * @param {AbortSignal} signal  ends them all
   * @param {(entry: Entry) => void} onDone
   */
  constructor(list, signal, onDone) {
    this.#list = list;
    this.#signal = signal;
    this.#onDone = onDone;
  }

  /** @param {File[]} files */
  start(files) {
    return Promise.all(files.map((file) => this.#upload(file)));
  }

  /** @param {File} file */
  async #upload(file) {
    const row = new Row(file);
    this.#list.append(row.element);
    try {
      const signal = AbortSignal.any([this.#signal, row.signal]);
      const entry = await api.upload(file, { onProgress: (share) => row.progress(share), signal });
      signal.throwIfAborted();
      row.finish("Encrypted and stored");
      say(`${file.name} is encrypted and stored.`);
      this.#onDone(entry);
    } catch (error) {
      if (error.name === "AbortError") row.remove();
      else row.refuse(errorText(error));
    }
  }
}

/** One line of the list. */
class Row {
  #name;
  #cancel = new AbortController();

  /** @param {File} file */
  constructor(file) {
    this.#name = file.name;
    this.element = fromTemplate("#upload");
    this.#part(".name").textContent = file.name;
    this.#part(".state").textContent = bytes(file.size);
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

  /** @param {number} share */
  progress(share) {
    this.#part("progress").value = share;
    this.#part(".state").textContent = share < 1 ? `${Math.floor(share * 100)} %` : "Encrypting";
  }

  /** @param {string} text */
  finish(text) {
    this.element.dataset.outcome = "done";
    this.#part("progress").value = 1;
    this.#part(".state").textContent = text;
    this.#part("button").hidden = true;
    setTimeout(() => this.remove(), DONE_VISIBLE_MS);
  }

  /** @param {string} text */
  refuse(text) {
    this.element.dataset.outcome = "refused";
    this.#part("progress").hidden = true;
    this.#part(".state").textContent = text;
    this.#part("button").textContent = "Dismiss";
    this.#part("button").ariaLabel = `Dismiss the message on ${this.#name}`;
    say(`${this.#name}: ${sentence(text).replace(/\.+$/, ".")}`);
  }

  remove() {
    const hadFocus = this.element.contains(document.activeElement);
    this.element.remove();
    if (hadFocus) document.querySelector("#file").focus();
  }

  /** @param {string} selector */
  #part(selector) {
    return this.element.querySelector(selector);
  }
}
