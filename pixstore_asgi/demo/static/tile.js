/** One picture in the gallery, and what is known of how it got there. */

import { FetchError, deleteCachedImage } from "/images/-/client/index.js";
import * as api from "./api.js";
import { runOut } from "./countdown.js";
import { bytes, errorName, errorText } from "./format.js";
import { getMeasured } from "./measured.js";
import { persist } from "./persist.js";
import { fromTemplate } from "./template.js";

/** @import { Entry } from "./api.js" */
/** @import { Journal } from "./journal.js" */
/** @import { Measurement } from "./measured.js" */

/** The picture was deleted, maybe by someone else. */
export class GoneError extends Error {}

export class Tile extends EventTarget {
  #id;
  #url = "";
  #journal;
  #signal;
  #title;
  /** @type {Entry | undefined} */
  #entry;
  /** @type {Measurement | undefined} */
  #measurement;
  /** Number of the latest look: what an earlier one finds is out of date. */
  #latest = 0;

  /**
   * It fires "change" whenever something of it has changed, and "gone" when its picture is no more.
   *
   * @param {{id: string, title: string}} picture
   * @param {Journal} journal
   * @param {AbortSignal} signal  ends with the session
   */
  constructor({ id, title }, journal, signal) {
    super();
    this.#id = id;
    this.#title = title;
    this.#journal = journal;
    this.#signal = signal;
    this.element = fromTemplate("#tile");
    this.#part(".title").textContent = title;
    const onBadPicture = () => this.#showTrouble(this.#latest, new Error("the browser can't draw it"));
    this.#part(".picture").addEventListener("error", onBadPicture);
  }

  get id() {
    return this.#id;
  }

  get title() {
    return this.#title;
  }

  get entry() {
    return this.#entry;
  }

  get measurement() {
    return this.#measurement;
  }

  get url() {
    return this.#url;
  }

  get trouble() {
    return this.#part(".trouble").hidden ? "" : this.#part(".trouble-text").textContent;
  }

  /** What became of the last look, for screen readers. */
  get outcome() {
    if (!this.element.isConnected) return "deleted";
    return this.trouble || this.#part(".source").textContent.replace(/^(?=\d)/, "fetched, ");
  }

  get button() {
    return this.#part("button");
  }

  /**
   * Show the picture, first with the record at hand and then, where that is refused, with fresh ones.
   *
   * @param {Entry} [given]  a fresh record where there is none
   */
  async show(given) {
    const look = (this.#latest += 1);
    let entry = given;
    this.element.dataset.source = "waiting";
    const attempt = async () => {
      const current = entry ?? (await this.#freshEntry());
      entry = undefined;
      await this.#attempt(look, current);
    };
    const onTrouble = (error) => this.#showTrouble(look, error, "Trying again.");
    try {
      await persist(attempt, { signal: this.#signal, onTrouble });
    } catch (error) {
      this.#giveUp(look, error);
    }
  }

  /** Show the picture over the network, whatever is cached. */
  async showFetched() {
    await deleteCachedImage(this.#id);
    await this.show();
  }

  /**
   * Let the server replace the picture, and ask with the record of before: its answer brings the new key along.
   *
   * @param {() => void} onStored
   */
  async update(onStored) {
    const entry = await this.#freshEntry();
    const { title } = await api.update(this.#id);
    onStored();
    this.#journal.change(title, "Updated by this tab, which now asks with the record it had before.");
    await deleteCachedImage(this.#id);
    await this.show({ ...entry, title });
  }

  /** @param {() => void} onGone */
  async remove(onGone) {
    await api.remove(this.#id);
    onGone();
    this.#journal.change(this.#title, "Deleted by this tab.");
    await this.forget();
  }

  /** Leave nothing of the picture, here and in the cache. */
  async forget() {
    this.dismiss();
    this.dispatchEvent(new Event("gone"));
    await deleteCachedImage(this.#id);
  }

  /** Take the picture off the page. */
  dismiss() {
    this.#latest += 1;
    URL.revokeObjectURL(this.#url);
    this.#part(".picture").removeAttribute("src");
    this.element.remove();
  }

  /** @returns {Promise<Entry>} */
  async #freshEntry() {
    const startedAt = performance.now();
    const { entries, bytes: size } = await api.records([this.#id]);
    this.#journal.records(entries.length, size, performance.now() - startedAt);
    if (entries.length === 0) throw new GoneError("this picture was deleted");
    return entries[0];
  }

  /**
   * @param {number} look
   * @param {Entry} entry
   */
  async #attempt(look, entry) {
    const measurement = await getMeasured(entry);
    this.#signal.throwIfAborted();
    if (look !== this.#latest) return;
    this.#entry = entry;
    this.#measurement = measurement;
    this.#title = entry.title;
    this.#journal.picture(entry.title, measurement);
    runOut(this.#part(".life"), entry);
    if (measurement.error) throw measurement.error;
    this.#showPicture(measurement);
  }

  /** @param {Measurement} measurement */
  #showPicture({ blob, wasFetched, bytes: size }) {
    const picture = this.#part(".picture");
    URL.revokeObjectURL(this.#url);
    this.#url = URL.createObjectURL(blob);
    picture.src = this.#url;
    picture.hidden = false;
    this.#part(".trouble").hidden = true;
    this.#part(".title").textContent = this.#title;
    this.element.dataset.source = wasFetched ? "fetched" : "hit";
    this.#part(".source").textContent = wasFetched ? bytes(size) : "from cache";
    this.dispatchEvent(new Event("change"));
  }

  /**
   * @param {number} look
   * @param {Error} error
   * @param {string} [more]
   */
  #showTrouble(look, error, more = "") {
    if (look !== this.#latest) return;
    const isAway = error instanceof api.AwayError || (error instanceof FetchError && !(error.status < 500));
    this.#part(".picture").hidden = true;
    this.#part(".trouble-state").textContent = isAway ? "Server away" : errorName(error);
    this.#part(".trouble-text").textContent = more || errorText(error);
    this.#part(".trouble").hidden = false;
    this.element.dataset.source = "failed";
    this.#part(".source").textContent = more ? "waiting" : "failed";
    this.dispatchEvent(new Event("change"));
  }

  /**
   * @param {number} look
   * @param {Error} error
   */
  #giveUp(look, error) {
    if (this.#signal.aborted) return;
    if (error instanceof api.SignedOutError) throw error;
    if (error instanceof GoneError || error.name === "NotFoundError") this.forget();
    else this.#showTrouble(look, error);
  }

  /** @param {string} selector */
  #part(selector) {
    return this.element.querySelector(selector);
  }
}
