/** The dialog that shows one picture large, with the life of its last request and what can be done to it. */

import { countdown, runOut } from "./countdown.js";
import { factsOf } from "./facts.js";

/** @import { Measurement } from "./measured.js" */
/** @import { Tile } from "./tile.js" */

export class Detail {
  #dialog;
  #act;
  /** @type {Tile | undefined} */
  #tile;
  #ticking = 0;
  #onChange = () => this.#render();
  #onGone = () => this.close();

  /**
   * @param {HTMLDialogElement} dialog
   * @param {(action: string, tile: Tile) => Promise<void>} act  does what a button says
   * @param {AbortSignal} signal  ends with the session
   */
  constructor(dialog, act, signal) {
    this.#dialog = dialog;
    this.#act = act;
    dialog.addEventListener("close", () => this.#leave(), { signal });
    dialog.addEventListener("click", ({ target }) => this.#onClick(target), { signal });
  }

  /** @param {Tile} tile */
  open(tile) {
    this.#tile = tile;
    tile.addEventListener("change", this.#onChange);
    tile.addEventListener("gone", this.#onGone);
    this.#ticking = setInterval(() => this.#tick(), 500);
    this.#render();
    this.#dialog.showModal();
  }

  close() {
    if (this.#dialog.open) this.#dialog.close();
    this.#leave(); // at once: the dialog's own event comes later
  }

  /** @param {Element} target */
  async #onClick(target) {
    const action = target.closest("button")?.dataset.action;
    if (target === this.#dialog || action === "close") this.close(); // the dialog itself: its backdrop
    else if (action && this.#dialog.ariaBusy !== "true") {
      this.#dialog.ariaBusy = "true";
      await this.#act(action, this.#tile);
      this.#dialog.ariaBusy = "false";
    }
  }

  #leave() {
    clearInterval(this.#ticking);
    this.#tile?.removeEventListener("change", this.#onChange);
    this.#tile?.removeEventListener("gone", this.#onGone);
    this.#tile = undefined;
    this.#part(".large").removeAttribute("src");
    this.#part("#detail-title").textContent = "";
    for (const fact of this.#dialog.querySelectorAll("[data-fact]")) fact.textContent = "";
  }

  #render() {
    const { title, url, trouble, measurement, entry, id } = this.#tile;
    this.#part("#detail-title").textContent = title;
    this.#part(".large").hidden = trouble !== "" || !url;
    this.#part(".large").src = url;
    this.#part(".large").alt = title;
    this.#part(".large-trouble").textContent = trouble;
    this.#fact("Id", id);
    if (!measurement) return;
    this.#fact("Token", tokenText(measurement));
    this.#fact("Request for", "nothing");
    for (const [name, text] of Object.entries(factsOf(measurement))) this.#fact(name, text);
    runOut(this.#part(".life"), entry);
    this.#tick();
  }

  #tick() {
    if (this.#tile?.entry) this.#part("#countdown").textContent = countdown(this.#tile.entry);
  }

  /**
   * @param {string} name
   * @param {string} text
   */
  #fact(name, text) {
    this.#part(`[data-fact="${name}"]`).textContent = text;
  }

  /** @param {string} selector */
  #part(selector) {
    return this.#dialog.querySelector(selector);
  }
}

/** @param {Measurement} measurement */
function tokenText({ entry, answers }) {
  const { token } = entry.record;
  return answers.at(-1)?.wire === "Updated" ? `${token}, answered with a newer one` : String(token);
}
