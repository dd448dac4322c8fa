/** A picture's place in the gallery, as it is drawn. */

import { runOut } from "./countdown.js";
import { fromTemplate } from "./template.js";

/** @import { Entry } from "./api.js" */

export class TileView {
  #url = "";

  /**
   * @param {string} title
   * @param {() => void} onBadPicture  called where the browser can't draw what it was given
   */
  constructor(title, onBadPicture) {
    this.element = fromTemplate("#tile");
    this.#part(".title").textContent = title;
    this.#part(".picture").addEventListener("error", onBadPicture);
  }

  get button() {
    return this.#part("button");
  }

  get url() {
    return this.#url;
  }

  get source() {
    return this.#part(".source").textContent;
  }

  get trouble() {
    return this.#part(".trouble").hidden ? "" : this.#part(".trouble-text").textContent;
  }

  wait() {
    this.element.dataset.source = "waiting";
    this.#part(".progress").style.transform = "scaleX(0)";
  }

  /** @param {number} share  of the answer that has come, 0 to 1 */
  progress(share) {
    this.element.dataset.source = "waiting";
    this.#part(".progress").style.transform = `scaleX(${share})`;
  }

  /** @param {Entry} entry  whose proof's time is shown from now on */
  runOut(entry) {
    runOut(this.#part(".life"), entry);
  }

  /**
   * @param {Blob} blob
   * @param {string} title
   * @param {"hit" | "fetched"} outcome
   * @param {string} source
   */
  showPicture(blob, title, outcome, source) {
    const picture = this.#part(".picture");
    URL.revokeObjectURL(this.#url);
    this.#url = URL.createObjectURL(blob);
    picture.src = this.#url;
    picture.hidden = false;
    this.#part(".trouble").hidden = true;
    this.#part(".title").textContent = title;
    this.#end(outcome, source);
  }

  /**
   * @param {string} name
   * @param {string} text
   * @param {"failed" | "waiting"} source
   */
  showTrouble(name, text, source) {
    this.#part(".picture").hidden = true;
    this.#part(".trouble-state").textContent = name;
    this.#part(".trouble-text").textContent = text;
    this.#part(".trouble").hidden = false;
    this.#end("failed", source);
  }

  remove() {
    URL.revokeObjectURL(this.#url);
    this.#part(".picture").removeAttribute("src");
    this.element.remove();
  }

  /**
   * @param {string} outcome
   * @param {string} source
   */
  #end(outcome, source) {
    this.element.dataset.source = outcome;
    this.#part(".source").textContent = source;
  }

  /** @param {string} selector */
  #part(selector) {
    return this.element.querySelector(selector);
  }
}
