/** One picture in the gallery, and what is known of how it got there. */

import { DecryptError, FetchError, NotFoundError } from "/images/-/client/index.js";
import * as api from "./api.js";
import { receivedBytes } from "./facts.js";
import { bytes, errorName, errorText } from "./format.js";
import { getMeasured } from "./measured.js";
import { GoneError } from "./records.js";
import { TileView } from "./tile-view.js";

/** @import { Client } from "/images/-/client/index.js" */
/** @import { Entry } from "./api.js" */
/** @import { Journal } from "./journal.js" */
/** @import { Measurement } from "./measured.js" */
/** @import { Records } from "./records.js" */

/**
 * What a signed-in page works with; `signal` ends with the session.
 *
 * @typedef {{client: Client, records: Records, journal: Journal, signal: AbortSignal}} Session
 */

/** @typedef {{entry?: Entry, priority?: "high" | "auto"}} Manner  without an entry, a fresh one is asked for */

const MORE_TRIES = 2; // of a picture whose body was damaged: the client leaves it to the page to ask again

export class Tile extends EventTarget {
  #session;
  #view;
  #id;
  #title;
  /** @type {Entry | undefined} */
  #entry;
  /** @type {Measurement | undefined} */
  #measurement;
  /** Of the latest look: the one before is over then, and shows nothing any more. */
  #look = new AbortController();

  /**
   * It fires "change" whenever something of it has changed, and "gone" when its picture is no more.
   *
   * @param {{id: string, title: string}} picture
   * @param {Session} session
   */
  constructor({ id, title }, session) {
    super();
    this.#id = id;
    this.#title = title;
    this.#session = session;
    this.#view = new TileView(title, () => this.#showTrouble(new Error("the browser can't draw it")));
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

  get element() {
    return this.#view.element;
  }

  get button() {
    return this.#view.button;
  }

  get url() {
    return this.#view.url;
  }

  get trouble() {
    return this.#view.trouble;
  }

  /** What became of the last look, for screen readers. */
  get outcome() {
    if (!this.element.isConnected) return "deleted";
    return this.trouble || this.#view.source.replace(/^(?=\d)/, "fetched, ");
  }

  /**
   * Show the picture, out of the client's cache if it is there.
   *
   * @param {Manner} [manner]
   */
  async show({ entry, priority = "auto" } = {}) {
    this.#look.abort();
    this.#look = new AbortController();
    const signal = AbortSignal.any([this.#session.signal, this.#look.signal]);
    this.#view.wait();
    try {
      const known = entry ?? (await this.#session.records.fresh(this.#id));
      signal.throwIfAborted();
      await this.#showWhole(known, priority, signal);
    } catch (error) {
      if (!signal.aborted) await this.#giveUp(error);
    }
  }

  /** Show the picture over the network, whatever is cached. */
  async showFetched() {
    await this.#session.client.deleteCachedImage(this.#id);
    await this.show({ priority: "high" });
  }

  /**
   * Let the server replace the picture, and ask with the record of before: its answer brings the new key along.
   *
   * @param {() => void} onStored
   */
  async update(onStored) {
    const { client, records, journal } = this.#session;
    const entry = await records.fresh(this.#id);
    const { title } = await api.update(this.#id);
    onStored();
    journal.change(title, "Updated by this tab, which now asks with the record it had before.");
    await client.deleteCachedImage(this.#id);
    await this.show({ entry: { ...entry, title }, priority: "high" });
  }

  /** @param {() => void} onGone */
  async remove(onGone) {
    await api.remove(this.#id);
    onGone();
    this.#session.journal.change(this.#title, "Deleted by this tab.");
    await this.forget();
  }

  /** Leave nothing of the picture, here and in the cache. */
  async forget() {
    this.dismiss();
    this.dispatchEvent(new Event("gone"));
    await this.#session.client.deleteCachedImage(this.#id);
  }

  /** Take the picture off the page. */
  dismiss() {
    this.#look.abort();
    this.#view.remove();
  }

  /**
   * @param {Entry} entry
   * @param {"high" | "auto"} priority
   * @param {AbortSignal} signal
   */
  async #showWhole(entry, priority, signal) {
    let known = entry;
    for (let triesLeft = MORE_TRIES; ; triesLeft -= 1) {
      const measurement = await getMeasured(this.#session.client, known, {
        priority,
        signal,
        onProgress: ({ loaded, total }) => signal.aborted || this.#view.progress(loaded / total),
        onAway: () => signal.aborted || this.#showTrying("Server away"),
      });
      this.#note(measurement);
      if (measurement.blob) return this.#showPicture(measurement);
      if (!(measurement.error instanceof DecryptError) || triesLeft === 0) throw measurement.error;
      this.#showTrying(errorName(measurement.error));
      known = measurement.entry;
    }
  }

  /** @param {Measurement} measurement */
  #note(measurement) {
    this.#measurement = measurement;
    this.#entry = measurement.entry;
    this.#title = measurement.entry.title;
    this.#session.journal.picture(this.#title, measurement);
    this.#view.runOut(this.#entry);
  }

  /** @param {Measurement} measurement */
  #showPicture(measurement) {
    const { blob, hit } = measurement;
    if (hit) this.#view.showPicture(blob, this.#title, "hit", hit === "memory" ? "from memory" : "from cache");
    else this.#view.showPicture(blob, this.#title, "fetched", bytes(receivedBytes(measurement)));
    this.dispatchEvent(new Event("change"));
  }

  /** @param {string} name  of what went wrong */
  #showTrying(name) {
    this.#view.showTrouble(name, "Trying again.", "waiting");
    this.dispatchEvent(new Event("change"));
  }

  /** @param {Error} error */
  #showTrouble(error) {
    const isAway = error instanceof api.AwayError || (error instanceof FetchError && !(error.status < 500));
    this.#view.showTrouble(isAway ? "Server away" : errorName(error), errorText(error), "failed");
    this.dispatchEvent(new Event("change"));
  }

  /** @param {Error} error */
  async #giveUp(error) {
    if (error instanceof api.SignedOutError) throw error;
    if (error instanceof GoneError || error instanceof NotFoundError) await this.forget();
    else this.#showTrouble(error);
  }
}
