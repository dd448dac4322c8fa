/** The pictures on the page: each is loaded when it comes into view, a screenful by one request. */

import * as api from "./api.js";
import { counted } from "./format.js";
import { persist } from "./persist.js";
import { GoneError } from "./records.js";
import { sizesInRows } from "./rows.js";
import { Tile } from "./tile.js";

/** @import { Card, Entry } from "./api.js" */
/** @import { Session } from "./tile.js" */

const GATHER_MS = 60; // what scrolls into view within that time shares a query and a request
const POLL_MS = 700; // while the server paints
const HIGHEST_ROW = 176; // pixels
const ROWS_HIGH = 2.9; // and in narrow pages no more than a part of the width, so that two pictures are in a row

export class Gallery {
  #section;
  #list;
  #session;
  #signal;
  #onFailure;
  #onOpen;
  /** @type {Map<string, Tile>} */
  #tiles = new Map();
  /** @type {Map<Element, Tile>} */
  #tileOf = new Map();
  /** @type {Set<Tile>} */
  #wanted = new Set();
  #observer = new IntersectionObserver((seen) => this.#onSeen(seen), { rootMargin: "120px" });
  #gathering = 0;
  #laidOutWidth = 0;
  #resizes = new ResizeObserver(() => this.#onResize());
  #toPaint = 0;

  /**
   * @param {HTMLElement} section
   * @param {Session} session
   * @param {object} page
   * @param {(error: Error) => void} page.onFailure
   * @param {(tile: Tile) => void} page.onOpen
   */
  constructor(section, session, { onFailure, onOpen }) {
    this.#section = section;
    this.#list = section.querySelector("#gallery");
    this.#session = session;
    this.#signal = session.signal;
    this.#onFailure = onFailure;
    this.#onOpen = onOpen;
    this.#resizes.observe(this.#list);
  }

  /** List the pictures, and those that the server is still painting as they come. */
  async start() {
    do {
      const { pictures, toPaint } = await persist(api.list, this.#signal);
      this.#signal.throwIfAborted();
      this.#toPaint = toPaint;
      for (const card of pictures) if (!this.#tiles.has(card.id)) this.#list.append(this.#create(card).element);
      this.#layOut();
      this.#showCount();
      if (toPaint > 0) await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    } while (this.#toPaint > 0 && !this.#signal.aborted);
  }

  /** @param {string} id */
  find(id) {
    return this.#tiles.get(id);
  }

  /**
   * The tiles on the screen, from the top left.
   *
   * @param {number} most
   */
  onScreen(most) {
    const isOnScreen = ({ element }) => {
      const { top, bottom } = element.getBoundingClientRect();
      return top < innerHeight && bottom > 0;
    };
    const inOrder = [...this.#list.children].map((element) => this.#tileOf.get(element));
    return inOrder.filter(isOnScreen).slice(0, most);
  }

  /**
   * Show a picture that is new, first of all.
   *
   * @param {Entry} entry
   */
  async add(entry) {
    if (this.#tiles.has(entry.record.id)) return;
    const { id, width, height } = entry.record;
    const tile = this.#create({ id, title: entry.title, width, height });
    this.#observer.unobserve(tile.element);
    this.#list.prepend(tile.element);
    this.#layOut();
    this.#showCount();
    await this.#loud(() => tile.show({ entry }));
  }

  /**
   * Fetch a fresh record of a picture that another tab has changed or added, and show it.
   *
   * @param {string} id
   */
  refresh(id) {
    const tile = this.#tiles.get(id);
    return this.#loud(async () => (tile ? tile.refresh() : this.add(await this.#session.records.fresh(id))));
  }

  /** Take every picture off the page. */
  close() {
    this.#observer.disconnect();
    this.#resizes.disconnect();
    for (const tile of this.#tiles.values()) tile.dismiss();
    this.#tiles.clear();
    this.#tileOf.clear();
    this.#wanted.clear();
    this.#section.querySelector("#count").textContent = "";
  }

  /** @param {Pick<Card, "id" | "title" | "width" | "height">} card */
  #create(card) {
    const tile = new Tile(card, this.#session);
    tile.button.addEventListener("click", () => this.#onOpen(tile));
    tile.addEventListener("gone", () => this.#drop(tile));
    tile.addEventListener("reshape", () => this.#layOut());
    this.#tiles.set(tile.id, tile);
    this.#tileOf.set(tile.element, tile);
    this.#observer.observe(tile.element);
    return tile;
  }

  /** @param {Tile} tile */
  #drop(tile) {
    this.#tiles.delete(tile.id);
    this.#tileOf.delete(tile.element);
    this.#wanted.delete(tile);
    this.#layOut();
    this.#showCount();
  }

  #onResize() {
    // In the next frame, for it changes the height of what was observed.
    if (this.#list.clientWidth !== this.#laidOutWidth) requestAnimationFrame(() => this.#layOut());
  }

  /** Make every tile as wide as its place in its row. */
  #layOut() {
    const tiles = [...this.#list.children].map((element) => this.#tileOf.get(element));
    const width = this.#list.clientWidth;
    const gap = parseFloat(getComputedStyle(this.#list).columnGap);
    const ratios = tiles.map(({ ratio }) => ratio);
    const sizes = sizesInRows(ratios, width, gap, Math.min(HIGHEST_ROW, width / ROWS_HIGH));
    tiles.forEach((tile, place) => tile.takeRoom(sizes[place]));
    this.#laidOutWidth = width;
  }

  /** @param {IntersectionObserverEntry[]} seen */
  #onSeen(seen) {
    for (const { isIntersecting, target } of seen) {
      const tile = this.#tileOf.get(target);
      if (!tile) continue;
      // What was only scrolled past is not fetched.
      if (!isIntersecting) this.#wanted.delete(tile);
      else if (!tile.entry) this.#wanted.add(tile);
    }
    if (this.#wanted.size > 0) this.#gathering ||= setTimeout(() => this.#load(), GATHER_MS);
  }

  #load() {
    const tiles = [...this.#wanted];
    this.#gathering = 0;
    this.#wanted.clear();
    for (const { element } of tiles) this.#observer.unobserve(element);
    return this.#loud(() => Promise.all(tiles.map((tile) => tile.show())));
  }

  /**
   * Do something that nobody waits for.
   *
   * @param {() => Promise<unknown>} work
   */
  async #loud(work) {
    try {
      await work();
    } catch (error) {
      // Another tab may have deleted what it had just added.
      if (!this.#signal.aborted && !(error instanceof GoneError)) this.#onFailure(error);
    }
  }

  #showCount() {
    const painting = this.#toPaint > 0 ? `, ${this.#toPaint} more being painted` : "";
    this.#section.querySelector("#count").textContent = `${counted(this.#tiles.size, "picture")}${painting}`;
    this.#section.querySelector("#empty").hidden = this.#tiles.size > 0 || this.#toPaint > 0;
  }
}
