/** One picture: its thumbnail in the gallery and, while it is open, its original in the dialog. */

import * as api from "./api.js";
import { Look } from "./look.js";
import { PictureView } from "./picture-view.js";
import { fromTemplate } from "./template.js";

/** @import { Client } from "/images/-/client/index.js" */
/** @import { Card, Entry } from "./api.js" */
/** @import { Journal } from "./journal.js" */
/** @import { Manner } from "./look.js" */
/** @import { Records } from "./records.js" */
/** @import { Savings } from "./savings.js" */
/** @import { Size } from "./sizes.js" */
/** @import { Uploaded } from "./uploads.js" */

/**
 * What a signed-in page works with; `uploaded` is what it knows of files that were dropped on it, by picture, and
 * `signal` ends with the session.
 *
 * @typedef {object} Session
 * @property {Client} client
 * @property {Records} records
 * @property {Journal} journal
 * @property {Savings} savings
 * @property {Map<string, Uploaded>} uploaded
 * @property {AbortSignal} signal
 */

const USUAL_RATIO = 1.5;
const FLATTEST = 2.4;
const STEEPEST = 0.6; // what is beyond is cropped in the gallery

export class Tile extends EventTarget {
  #session;
  #view;
  #id;
  #title;
  #ratio = 0;
  #thumbnail;
  /** @type {Look | undefined} */
  #original;

  /**
   * It fires "change" whenever something of it has changed, "reshape" when it takes another room, and "gone" when its
   * picture is no more.
   *
   * @param {Pick<Card, "id" | "title" | "width" | "height">} card
   * @param {Session} session
   */
  constructor({ id, title, width, height }, session) {
    super();
    this.#id = id;
    this.#title = title;
    this.#session = session;
    this.#view = new PictureView(fromTemplate("#tile"));
    this.#view.title = title;
    this.#reserve(width, height);
    this.#thumbnail = this.#look("thumbnail", this.#view);
  }

  get id() {
    return this.#id;
  }

  get title() {
    return this.#title;
  }

  /** Of width to height, as the gallery shows it. */
  get ratio() {
    return this.#ratio;
  }

  get entry() {
    return this.#original?.entry ?? this.#thumbnail.entry;
  }

  /** The original's while it is open. */
  get measurement() {
    return this.#original?.measurement;
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

  get isOpen() {
    return this.#original !== undefined;
  }

  /** What is known of the file that this version of the picture was uploaded as. */
  get uploaded() {
    const uploaded = this.#session.uploaded.get(this.#id);
    return uploaded?.token === this.entry?.record.token ? uploaded : undefined;
  }

  /** What became of the last look, for screen readers. */
  get outcome() {
    if (!this.element.isConnected) return "deleted";
    return (this.#original ?? this.#thumbnail).outcome;
  }

  /** @param {{width: number, height: number}} room  in its row, in pixels */
  takeRoom(room) {
    this.#view.takeRoom(room);
  }

  /**
   * Show the thumbnail, out of the client's cache if it is there.
   *
   * @param {Manner} [manner]
   */
  show(manner) {
    return this.#thumbnail.show(manner);
  }

  /**
   * Show the original in another place, and there until then the thumbnail.
   *
   * @param {PictureView} view
   */
  open(view) {
    this.#original = this.#look("original", view);
    return this.#original.show({ entry: this.#thumbnail.entry, priority: "high" });
  }

  close() {
    this.#original?.end();
    this.#original = undefined;
  }

  /** Show the original again, and a thumbnail that has failed. */
  async showAgain() {
    await this.#original?.show({ priority: "high" });
    if (this.trouble) await this.show();
  }

  /** Show it over the network, whatever is cached. */
  async showFetched() {
    await this.#session.client.deleteCachedImage(this.#id);
    await this.refresh();
  }

  /** Show both sizes by a fresh record. */
  async refresh() {
    await Promise.all([this.#original?.show({ priority: "high" }), this.show()]);
  }

  /**
   * Let the server replace the picture, and ask with the record of before: its answer brings the new key along.
   *
   * @param {() => void} onStored
   */
  async update(onStored) {
    const { client, records, journal } = this.#session;
    const before = await records.fresh(this.#id);
    const after = await api.update(this.#id);
    onStored();
    journal.change(after.title, "Updated by this tab, which now asks with the record it had before.");
    this.#session.uploaded.delete(this.#id);
    await client.deleteCachedImage(this.#id);
    await this.#original?.show({ entry: { ...before, title: after.title, bytes: after.bytes }, priority: "high" });
    await this.show({ entry: after });
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
    this.close();
    this.#thumbnail.end();
    this.#view.clear();
    this.element.remove();
  }

  /**
   * @param {Size} size
   * @param {PictureView} view
   */
  #look(size, view) {
    return new Look(this.#id, size, view, this.#session, {
      onEntry: (entry) => this.#take(entry),
      onChange: () => this.dispatchEvent(new Event("change")),
      onGone: () => this.forget(),
    });
  }

  /** @param {Entry} entry */
  #take({ title, record }) {
    this.#title = title;
    this.#view.title = title;
    this.#view.badge = this.uploaded?.badge ?? "";
    this.#reserve(record.width, record.height);
  }

  /**
   * @param {number | null} [width]
   * @param {number | null} [height]
   */
  #reserve(width, height) {
    const ratio = Math.min(Math.max(width && height ? width / height : USUAL_RATIO, STEEPEST), FLATTEST);
    if (ratio === this.#ratio) return;
    this.#ratio = ratio;
    this.dispatchEvent(new Event("reshape"));
  }
}
