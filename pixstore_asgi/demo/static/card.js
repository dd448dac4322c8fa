/** One picture on the page, what is known of how it got there, and the buttons that show what else can happen. */

import { deleteCachedImage } from "/images/-/client/index.js";
import * as api from "./api.js";
import { getMeasured } from "./measured.js";
import { sentence } from "./messages.js";

/** @import { ImageRecord } from "/images/-/client/index.js" */
/** @import { Entry } from "./api.js" */

const WINDOWS_BACK = 1000;
const count = new Intl.NumberFormat("en");

export class Card {
  /** @type {HTMLElement} */
  element;

  #id;
  #url = "";
  #say;
  #fail;
  #onRemoved;

  /**
   * @param {Entry} entry
   * @param {object} page
   * @param {(text: string) => void} page.say  tells a screen reader what an action led to
   * @param {(error: Error) => void} page.fail
   * @param {(card: Card) => void} page.onRemoved
   */
  constructor({ title, record }, { say, fail, onRemoved }) {
    this.#id = record.id;
    this.#say = say;
    this.#fail = fail;
    this.#onRemoved = onRemoved;
    this.element = document.querySelector("#card").content.firstElementChild.cloneNode(true);
    this.element.addEventListener("click", ({ target }) => this.#onClick(target.closest("button")?.dataset.action));
    this.#part(".picture").addEventListener("error", () => this.#showRefusal(new Error("the browser can't draw it")));
    this.#part(".title").textContent = title;
  }

  get id() {
    return this.#id;
  }

  /** Fetch a fresh record and show its picture, out of the cache if it is there. */
  async reload() {
    await this.show(await api.show(this.#id));
  }

  /**
   * Show a picture.
   *
   * @param {Entry} entry
   * @param {number} [token]  of the version that is expected, where it is not the record's
   */
  async show({ title, record }, token = record.token) {
    const { blob, error, ...measurement } = await getMeasured(record);
    this.#part(".title").textContent = title;
    this.#showFacts(measurement, token);
    if (blob) this.#showPicture(blob, title, measurement.state ? "network" : "cache");
    else this.#showRefusal(error);
  }

  /** @param {string | undefined} action */
  async #onClick(action) {
    if (!action || this.element.ariaBusy === "true") return;
    this.element.ariaBusy = "true";
    try {
      await this.#actions[action]();
      if (this.element.isConnected) this.#say(`${this.#part(".title").textContent}: ${this.#part(".source").textContent}`);
    } catch (error) {
      this.#fail(error);
    } finally {
      this.element.ariaBusy = "false";
    }
  }

  #actions = {
    reload: () => this.reload(),

    recover: async () => {
      await this.reload();
      this.#part("[data-action=reload]").focus();
    },

    update: async () => {
      // The page asks with the record it had before: that is what happens when a picture changes under a page.
      const { record } = await api.show(this.#id);
      const replaced = await api.update(this.#id);
      await deleteCachedImage(this.#id);
      await this.show({ ...replaced, record }, replaced.record.token);
    },

    expire: async () => {
      const { title, record } = await api.show(this.#id);
      await deleteCachedImage(this.#id);
      await this.show({ title, record: withOldProof(record) });
      this.#part("[data-action=recover]").focus();
    },

    remove: async () => {
      await api.remove(this.#id);
      await deleteCachedImage(this.#id);
      URL.revokeObjectURL(this.#url);
      this.#onRemoved(this);
    },
  };

  /**
   * @param {{state: string | undefined, bytes: number, ms: number}} measurement
   * @param {number} token
   */
  #showFacts({ state, bytes, ms }, token) {
    this.#fact("state", state ?? "no request");
    this.#fact("bytes", bytes === 1 ? "1 byte" : `${count.format(bytes)} bytes`);
    this.#fact("time", `${ms.toFixed(ms < 10 ? 1 : 0)} ms`);
    this.#fact("id", shortened(this.#id, 11), this.#id);
    this.#fact("token", `…${String(token).slice(-7)}`, String(token));
  }

  /**
   * @param {Blob} blob
   * @param {string} title
   * @param {"network" | "cache"} source
   */
  #showPicture(blob, title, source) {
    const picture = this.#part(".picture");
    URL.revokeObjectURL(this.#url);
    this.#url = URL.createObjectURL(blob);
    picture.src = this.#url;
    picture.alt = title;
    picture.hidden = false;
    this.#part(".refusal").hidden = true;
    this.#setSource(source, source === "cache" ? "From cache" : "Fetched");
  }

  /** @param {Error} error */
  #showRefusal(error) {
    const picture = this.#part(".picture");
    picture.hidden = true;
    picture.removeAttribute("src");
    URL.revokeObjectURL(this.#url);
    const name = error.stateName ?? error.name;
    this.#part(".refusal-state").textContent = name;
    this.#part(".refusal-text").textContent = sentence(error.message.replace(`${name}: `, ""));
    this.#part(".refusal").hidden = false;
    this.#setSource("refused", error.stateName ? "Refused" : "Failed");
  }

  /**
   * @param {string} source
   * @param {string} text
   */
  #setSource(source, text) {
    this.element.dataset.source = source;
    this.#part(".source").textContent = text;
  }

  /**
   * @param {string} name
   * @param {string} text
   * @param {string} [whole]
   */
  #fact(name, text, whole = "") {
    const element = this.#part(`[data-fact=${name}]`);
    element.textContent = text;
    element.title = whole;
  }

  /** @param {string} selector */
  #part(selector) {
    return this.element.querySelector(selector);
  }
}

/**
 * The record with its proof moved back in time: bytes 5 to 10 of a proof are the number of its time window.
 *
 * @param {ImageRecord} record
 */
function withOldProof(record) {
  const bytes = Uint8Array.from(atob(record.statelessProof), (character) => character.charCodeAt(0));
  const view = new DataView(bytes.buffer);
  view.setUint32(7, view.getUint32(7) - WINDOWS_BACK);
  return { ...record, statelessProof: btoa(String.fromCharCode(...bytes)) };
}

/**
 * @param {string} text
 * @param {number} length
 */
const shortened = (text, length) => (text.length > length ? `${text.slice(0, length)}…` : text);
