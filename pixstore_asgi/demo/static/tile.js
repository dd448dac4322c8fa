/** One picture: its thumbnail in the gallery and, while it is open, its original in the dialog. */

import * as api from "./api.js";
import { fail } from "./messages.js";
import { PictureView } from "./picture-view.js";
import { fromTemplate } from "./template.js";

/** @import { Client } from "/images/-/client/index.js" */
/** @import { Card, Entry } from "./api.js" */
/** @import { Journal } from "./journal.js" */
/** @import { Log } from "./log.js" */
/** @import { Records } from "./records.js" */
/** @import { Savings } from "./savings.js" */
/** @import { Uploaded } from "./uploads.js" */

/**
 * What a signed-in page works with; `uploaded` is what it knows of files that were dropped on it, by picture, `signal` ends
 * with the session, and `onSignedOut` is called where that turns out to have ended.
 *
 * @typedef {object} Session
 * @property {Client} client
 * @property {Records} records
 * @property {Journal} journal
 * @property {Log} log
 * @property {Savings} savings
 * @property {Map<string, Uploaded>} uploaded
 * @property {AbortSignal} signal
 * @property {() => void} onSignedOut
 */

const USUAL_RATIO = 1.5;
const FLATTEST = 2.4;
const STEEPEST = 0.6; // what is beyond is cropped in the gallery

export class Tile extends EventTarget {
  #session;
  #view;
  /** @type {PictureView | undefined} */
  #original;
  #listener = {
    onEntry: (entry) => this.#take(entry),
    onChange: () => this.dispatchEvent(new Event("change")),
    onGone: () => this.forget().catch(fail),
  };

  /**
   * It fires "change" whenever something of it has changed, "reshape" when it takes another room, and "gone" when its
   * picture is no more.
   *
   * @param {Pick<Card, "id" | "title" | "width" | "height">} card
   * @param {Session} session
   */
  constructor({ id, title, width, height }, session) {
    super();
    this.id = id;
    this.element = fromTemplate("#tile");
    this.#session = session;
    this.#view = new PictureView(this.element, session, ({ record }) => record);
    this.#view.listener = this.#listener;
    this.#describe(title, width, height);
  }

  get entry() {
    return this.#original?.entry ?? this.#view.entry;
  }

  /** The original's while it is open. */
  get measurement() {
    return this.#original?.measurement;
  }

  get trouble() {
    return this.#view.trouble;
  }

  /** The record of the size that stands in the gallery, once it does: of a small picture that is the original. */
  get shown() {
    return this.trouble ? undefined : this.#view.measurement?.record;
  }

  get isOpen() {
    return this.#original !== undefined;
  }

  /** What is known of the file that this version of the picture was uploaded as. */
  get uploaded() {
    const uploaded = this.#session.uploaded.get(this.id);
    return uploaded?.token === this.entry?.record.token ? uploaded : undefined;
  }

  /** What became of the last look, for screen readers. */
  get outcome() {
    if (!this.element.isConnected) return "deleted";
    return (this.#original ?? this.#view).outcome;
  }

  /** @param {{width: number, height: number}} room  in its row, in pixels */
  takeRoom({ width, height }) {
    this.element.style.setProperty("width", `${width}px`);
    this.element.style.setProperty("--height", `${height}px`);
  }

  /**
   * Show the thumbnail, as soon as it is in view.
   *
   * @param {Entry} [entry]  or else a fresh one is asked for then
   */
  show(entry) {
    return this.#view.show(this.id, entry);
  }

  /**
   * Show the original in another place.
   *
   * @param {PictureView} view
   */
  open(view) {
    this.#original = view;
    view.listener = this.#listener;
    return view.show(this.id, this.#view.entry);
  }

  close() {
    this.#original?.empty();
    this.#original = undefined;
  }

  /** Take off what is shown, of both sizes. */
  async empty() {
    await Promise.all([this.#view.empty(), this.#original?.empty()]);
  }

  /** Show the original again, and a thumbnail that has failed, by a fresh record. */
  async showAgain() {
    const entry = await this.#session.records.fresh(this.id);
    const views = this.trouble ? [this.#original, this.#view] : [this.#original];
    await Promise.all(views.map((view) => view?.showAgain(this.id, entry)));
  }

  /** Show it over the network, whatever is cached. */
  async showFetched() {
    await this.#renew(await this.#session.records.fresh(this.id));
  }

  /** Fetch the record and the picture again: now if it is in view, or else when it comes into view. */
  async reload() {
    const { entry } = this.#view;
    await this.empty();
    if (entry) await this.#session.client.deleteCachedImage(this.id);
    this.show();
  }

  /** Show by a fresh record what another tab has changed. */
  async refresh() {
    const entry = await this.#session.records.fresh(this.id);
    this.#original?.show(this.id, entry);
    this.show(entry);
  }

  /**
   * Let the server replace the picture, and request it with the old record. With plain records the answer contains the new
   * key.
   *
   * @param {() => void} onStored
   */
  async update(onStored) {
    const before = await this.#session.records.fresh(this.id);
    const after = await api.update(this.id);
    onStored();
    this.#session.journal.change(after.title, "Updated by this tab. It now requests the picture with its earlier record.");
    this.#session.uploaded.delete(this.id);
    await this.#renew(after, { ...before, title: after.title, bytes: after.bytes });
  }

  /** @param {() => void} onGone */
  async remove(onGone) {
    await api.remove(this.id);
    onGone();
    this.#session.journal.change(this.title, "Deleted by this tab.");
    await this.forget();
  }

  /** Leave nothing of the picture, here and in the cache. */
  async forget() {
    this.dismiss();
    this.dispatchEvent(new Event("gone"));
    await this.#session.client.deleteCachedImage(this.id);
  }

  /** Take the picture off the page. */
  dismiss() {
    this.close();
    this.#view.empty();
    this.element.remove();
  }

  /**
   * Show both sizes, and none of them as it is cached.
   *
   * @param {Entry} entry
   * @param {Entry} [entryOfOriginal]
   */
  async #renew(entry, entryOfOriginal = entry) {
    // Before the copies go, for what is shown is asked for again at the first word of that.
    await this.empty();
    try {
      await this.#session.client.deleteCachedImage(this.id);
    } finally {
      await Promise.all([this.#original?.show(this.id, entryOfOriginal), this.show(entry)]);
    }
  }

  /** @param {Entry} entry */
  #take({ title, record }) {
    const { ratio } = this;
    this.#describe(title, record.width, record.height);
    if (ratio !== this.ratio) this.dispatchEvent(new Event("reshape"));
  }

  /**
   * @param {string} title
   * @param {number | null} [width]
   * @param {number | null} [height]
   */
  #describe(title, width, height) {
    this.title = title;
    /** Of width to height, as the gallery shows it. */
    this.ratio = Math.min(Math.max(width && height ? width / height : USUAL_RATIO, STEEPEST), FLATTEST);
    this.element.querySelector(".title").textContent = title;
    this.element.querySelector(".badge").textContent = this.uploaded?.badge ?? "";
  }
}
