/** The pictures on the page, in rows: each is loaded when it comes into view, a screenful by one request. */

import * as api from "./api.js";
import { counted } from "./format.js";
import { persist } from "./persist.js";
import { GoneError } from "./records.js";
import { sizesInRows } from "./rows.js";
import { Tile } from "./tile.js";

/** @import { Card, Entry } from "./api.js" */
/** @import { Session } from "./tile.js" */

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
      for (const card of pictures.filter(({ id }) => !this.#tiles.has(id))) {
        const tile = this.#create(card);
        this.#list.append(tile.element);
        tile.show();
      }
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
  add(entry) {
    if (this.#tiles.has(entry.record.id)) return;
    const { id, width, height } = entry.record;
    const tile = this.#create({ id, title: entry.title, width, height });
    this.#list.prepend(tile.element);
    this.#layOut();
    this.#showCount();
    tile.show(entry);
  }

  /**
   * Fetch a fresh record of a picture that another tab has changed or added, and show it.
   *
   * @param {string} id
   */
  async refresh(id) {
    const tile = this.#tiles.get(id);
    try {
      if (tile) await tile.refresh();
      else this.add(await this.#session.records.fresh(id));
    } catch (error) {
      // Another tab may have deleted what it had just added.
      if (!this.#signal.aborted && !(error instanceof GoneError)) this.#onFailure(error);
    }
  }

  /** Fetch all records and pictures again, as they come into view. */
  async reload() {
    await Promise.all([...this.#tiles.values()].map((tile) => tile.reload()));
  }

  /** Take every picture off the page. */
  close() {
    this.#resizes.disconnect();
    for (const tile of this.#tiles.values()) tile.dismiss();
    this.#tiles.clear();
    this.#tileOf.clear();
    this.#section.querySelector("#count").textContent = "";
  }

  /** @param {Pick<Card, "id" | "title" | "width" | "height">} card */
  #create(card) {
    const tile = new Tile(card, this.#session);
    tile.element.querySelector(".open").addEventListener("click", () => this.#onOpen(tile));
    tile.addEventListener("gone", () => this.#drop(tile));
    tile.addEventListener("reshape", () => this.#layOut());
    this.#tiles.set(tile.id, tile);
    this.#tileOf.set(tile.element, tile);
    return tile;
  }

  /** @param {Tile} tile */
  #drop(tile) {
    this.#tiles.delete(tile.id);
    this.#tileOf.delete(tile.element);
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

  #showCount() {
    const painting = this.#toPaint > 0 ? `, ${this.#toPaint} more being painted` : "";
    this.#section.querySelector("#count").textContent = `${counted(this.#tiles.size, "picture")}${painting}`;
    this.#section.querySelector("#empty").hidden = this.#tiles.size > 0 || this.#toPaint > 0;
  }
}
