/** One size of a picture on its way to its place on the page, and what is known of how it got there. */

import { DecryptError, FetchError, NotFoundError } from "/images/-/client/index.js";
import * as api from "./api.js";
import { receivedBytes } from "./facts.js";
import { bytes, errorName, errorText } from "./format.js";
import { getMeasured } from "./measured.js";
import { GoneError } from "./records.js";

/** @import { Entry } from "./api.js" */
/** @import { Measurement } from "./measured.js" */
/** @import { PictureView } from "./picture-view.js" */
/** @import { Size } from "./sizes.js" */
/** @import { Session } from "./tile.js" */

/** @typedef {{entry?: Entry, priority?: "high" | "auto"}} Manner  without an entry, a fresh one is asked for */

/**
 * `onEntry` is told of each record that an answer was good for, `onChange` is called when something else has changed,
 * `onGone` when the picture is no more.
 *
 * @typedef {{onEntry: (entry: Entry) => void, onChange: () => void, onGone: () => Promise<void>}} Listener
 */

const MORE_TRIES = 2; // of a picture whose body was damaged: the client leaves it to the page to ask again

export class Look {
  #id;
  #size;
  #view;
  #session;
  #listener;
  /** @type {Entry | undefined} */
  #entry;
  /** @type {Measurement | undefined} */
  #measurement;
  /** Of the latest asking: the one before is over then, and shows nothing any more. */
  #asking = new AbortController();

  /**
   * @param {string} id
   * @param {Size} size
   * @param {PictureView} view
   * @param {Session} session
   * @param {Listener} listener
   */
  constructor(id, size, view, session, listener) {
    this.#id = id;
    this.#size = size;
    this.#view = view;
    this.#session = session;
    this.#listener = listener;
    view.onBadPicture = () => this.#showTrouble(new Error("the browser can't draw it"));
  }

  get entry() {
    return this.#entry;
  }

  get measurement() {
    return this.#measurement;
  }

  /** What became of it, for screen readers. */
  get outcome() {
    return this.#view.trouble || this.#view.source.replace(/^(?=\d)/, "fetched, ");
  }

  /**
   * Show the picture, out of the client's cache if it is there.
   *
   * @param {Manner} [manner]
   */
  async show({ entry, priority = "auto" } = {}) {
    this.#asking.abort();
    this.#asking = new AbortController();
    const signal = AbortSignal.any([this.#session.signal, this.#asking.signal]);
    this.#view.wait();
    try {
      const known = entry ?? (await this.#session.records.fresh(this.#id));
      signal.throwIfAborted();
      this.#view.blur(known.record);
      await this.#showWhole(known, priority, signal);
    } catch (error) {
      if (!signal.aborted) await this.#giveUp(error);
    }
  }

  /** Let what is under way show nothing any more. */
  end() {
    this.#asking.abort();
  }

  /**
   * @param {Entry} entry
   * @param {"high" | "auto"} priority
   * @param {AbortSignal} signal
   */
  async #showWhole(entry, priority, signal) {
    let known = entry;
    for (let triesLeft = MORE_TRIES; ; triesLeft -= 1) {
      const measurement = await getMeasured(this.#session.client, known, this.#size, {
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
    this.#session.journal.picture(measurement);
    this.#session.savings.note(measurement);
    this.#view.runOut(this.#entry);
    this.#listener.onEntry(this.#entry);
  }

  /** @param {Measurement} measurement */
  #showPicture(measurement) {
    const { blob, hit } = measurement;
    if (hit) this.#view.showPicture(blob, "hit", hit === "memory" ? "from memory" : "from cache");
    else this.#view.showPicture(blob, "fetched", bytes(receivedBytes(measurement)));
    this.#listener.onChange();
  }

  /** @param {string} name  of what went wrong */
  #showTrying(name) {
    this.#view.showTrouble(name, "Trying again.", "waiting");
    this.#listener.onChange();
  }

  /** @param {Error} error */
  #showTrouble(error) {
    const isAway = error instanceof api.AwayError || (error instanceof FetchError && !(error.status < 500));
    this.#view.showTrouble(isAway ? "Server away" : errorName(error), errorText(error), "failed");
    this.#listener.onChange();
  }

  /** @param {Error} error */
  async #giveUp(error) {
    if (error instanceof api.SignedOutError) throw error;
    if (error instanceof GoneError || error instanceof NotFoundError) await this.#listener.onGone();
    else this.#showTrouble(error);
  }
}
