/** A place for a picture: its <pix-image>, and around it what is known of how the picture got there. */

import { DecryptError, FetchError, NotFoundError } from "/images/-/client/index.js";
import { AwayError, SignedOutError } from "./api.js";
import { runOut } from "./countdown.js";
import { receivedBytes } from "./facts.js";
import { bytes, errorName, errorText } from "./format.js";
import { createMeasuredClient } from "./measured.js";
import { GoneError } from "./records.js";

/** @import { ImageRecord } from "/images/-/client/index.js" */
/** @import { Entry } from "./api.js" */
/** @import { Measurement } from "./measured.js" */
/** @import { Session } from "./tile.js" */

/**
 * `onEntry` is told of each record that is shown, `onChange` is called when something else has changed, `onGone` when the
 * picture is no more.
 *
 * @typedef {{onEntry: (entry: Entry) => void, onChange: () => void, onGone: () => void}} Listener
 */

const MORE_TRIES = 2; // of a picture whose body was damaged: the client leaves it to the page to ask again

export class PictureView {
  /** @type {Listener} of the picture that is shown */
  listener;
  #element;
  #session;
  #recordOf;
  #picture;
  /** @type {string | undefined}  of the picture that is shown */
  #id;
  /** @type {Entry | undefined} */
  #entry;
  /** @type {Measurement | undefined} */
  #measurement;
  #triesLeft = MORE_TRIES;
  #settle = () => {};

  /**
   * @param {HTMLElement} element
   * @param {Session} session
   * @param {(entry: Entry) => ImageRecord} recordOf  what of a picture is shown here
   */
  constructor(element, session, recordOf) {
    this.#element = element;
    this.#session = session;
    this.#recordOf = recordOf;
    this.#picture = this.#part("pix-image.picture");
    this.#picture.client = createMeasuredClient(session, {
      getEntry: () => this.#entry,
      onEntry: (entry) => this.#take(entry),
      onMeasured: (measurement) => this.#note(measurement),
      onProgress: (share) => this.#progress(share),
      onAway: () => this.#showTrying("Server away"),
    });
    this.#picture.addEventListener("state", () => this.#onState());
    this.#picture.addEventListener("error", ({ error }) => this.#onError(error));
    this.#picture.addEventListener("click", ({ target }) => this.#keepFocus(target));
  }

  get entry() {
    return this.#entry;
  }

  get measurement() {
    return this.#measurement;
  }

  get trouble() {
    return this.#picture.state === "error" ? this.#part(".trouble-text").textContent : "";
  }

  /** What became of it, for screen readers. */
  get outcome() {
    return this.trouble || this.#part(".source").textContent.replace(/^(?=\d)/, "fetched, ") || "on its way";
  }

  /**
   * Show a picture, as soon as this is in view, out of the client's cache if it is there. Without an entry its record is
   * asked for then.
   *
   * @param {string} id
   * @param {Entry} [entry]
   * @returns {Promise<void>}  resolves once it is there or has failed, or something else is to be shown
   */
  show(id, entry) {
    this.#settle();
    this.#id = id;
    this.#triesLeft = MORE_TRIES;
    if (entry) this.#take(entry);
    if (entry) this.#picture.record = this.#recordOf(entry);
    else this.#picture.srcId = id;
    return new Promise((resolve) => {
      this.#settle = resolve;
    });
  }

  /**
   * Ask for a picture anew, though it is shown.
   *
   * @param {string} id
   * @param {Entry} entry
   */
  async showAgain(id, entry) {
    await this.empty();
    await this.show(id, entry);
  }

  /** Leave nothing of the picture: elements hear of it all together, before this resolves. */
  async empty() {
    this.#settle();
    for (const picture of this.#element.querySelectorAll("pix-image"))
      Object.assign(picture, { record: undefined, srcId: "" });
    for (const part of [".trying", ".source"]) this.#part(part).textContent = "";
    this.#id = undefined;
    this.#entry = undefined;
    this.#measurement = undefined;
    // Elements apply their changes at the end of a task.
    await new Promise((go) => setTimeout(go));
  }

  /** @param {Entry} entry */
  #take(entry) {
    // A record may come when something else is to be shown.
    if (this.#id !== entry.record.id) return;
    this.#entry = entry;
    runOut(this.#part(".life"), entry);
    this.listener.onEntry(entry);
  }

  /** @param {Measurement} measurement */
  #note(measurement) {
    this.#measurement = measurement;
    this.#session.journal.picture(measurement);
    this.#session.savings.note(measurement);
    this.#session.log.note(measurement);
    this.#take(measurement.entry);
    // What was asked for by its id would be so again each time that it comes back into view.
    this.#picture.record ??= this.#recordOf(measurement.entry);
    this.listener.onChange();
  }

  #onState() {
    const { state } = this.#picture;
    if (state === "shown") this.#showSource(this.#measurement);
    else if (state !== "error") this.#progress(0);
  }

  /** @param {Error} error */
  #onError(error) {
    if (error instanceof SignedOutError) this.#session.onSignedOut();
    else if (error instanceof GoneError || error instanceof NotFoundError) this.listener.onGone();
    else if (error instanceof DecryptError && this.#triesLeft > 0) this.#tryAgain(error);
    else this.#showTrouble(error);
  }

  /** @param {Element} target */
  #keepFocus(target) {
    // The button that tries again goes with its message.
    if (target.closest("[data-retry]")) this.#part("button:not([data-retry])").focus();
  }

  /** @param {Error} error */
  #tryAgain(error) {
    this.#triesLeft -= 1;
    this.#showTrying(errorName(error));
    this.#picture.retry();
  }

  /** @param {number} share  of the answer that has come */
  #progress(share) {
    this.#element.dataset.source = "waiting";
    this.#part(".progress").style.transform = `scaleX(${share})`;
  }

  /** @param {string} name  of what went wrong */
  #showTrying(name) {
    this.#part(".trying").textContent = `${name}. Trying again.`;
  }

  /** @param {Measurement} measurement */
  #showSource({ hit, ...measurement }) {
    if (hit) this.#end("hit", hit === "memory" ? "from memory" : "from cache");
    else this.#end("fetched", bytes(receivedBytes(measurement)));
  }

  /** @param {Error} error */
  #showTrouble(error) {
    const isAway = error instanceof AwayError || (error instanceof FetchError && !(error.status < 500));
    this.#part(".trouble-state").textContent = isAway ? "Server away" : errorName(error);
    this.#part(".trouble-text").textContent = errorText(error);
    this.#end("failed", "failed");
  }

  /**
   * @param {string} outcome
   * @param {string} source
   */
  #end(outcome, source) {
    this.#element.dataset.source = outcome;
    this.#part(".source").textContent = source;
    this.#part(".trying").textContent = "";
    this.listener.onChange();
    this.#settle();
  }

  /** @param {string} selector */
  #part(selector) {
    return this.#element.querySelector(selector);
  }
}
