/** A place for a picture, as it is drawn: blurred, then the picture, or else what is wrong with it. */

import { runOut } from "./countdown.js";
import { pictureOf } from "./thumbhash.js";

/** @import { Entry } from "./api.js" */

const FADED_MS = 400;

export class PictureView {
  #url = "";
  #placeholder = "";

  /** Called where the browser can't draw what it was given. */
  onBadPicture = () => {};

  /** @param {HTMLElement} element */
  constructor(element) {
    this.element = element;
    const picture = this.#part(".picture");
    picture.addEventListener("error", () => this.onBadPicture());
    picture.addEventListener("load", () => this.#unblur());
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

  /** @param {string} title */
  set title(title) {
    this.#part(".title").textContent = title;
  }

  /** @param {string} text  what became of its metadata, in two words */
  set badge(text) {
    this.#part(".badge").textContent = text;
  }

  /** @param {{width: number, height: number}} room  in pixels, as the picture has it in its row */
  takeRoom({ width, height }) {
    this.element.style.setProperty("width", `${width}px`);
    this.element.style.setProperty("--height", `${height}px`);
  }

  /**
   * Show what a record knows of its picture, until that is there.
   *
   * @param {{placeholder?: string, width?: number, height?: number}} record
   */
  blur({ placeholder = "", width = 1, height = 1 }) {
    const blurred = this.#part(".blurred");
    if (placeholder === this.#placeholder || !this.#part(".picture").hidden) return;
    this.#placeholder = placeholder;
    blurred.hidden = !placeholder;
    if (!placeholder) return;
    const image = pictureOf(placeholder, width / height);
    Object.assign(blurred, { width: image.width, height: image.height });
    blurred.getContext("2d").putImageData(image, 0, 0);
  }

  /** @param {string} url  of a smaller picture, of someone else, to be shown until this one is there */
  preview(url) {
    this.#draw(url);
  }

  /** @param {string} [source]  what is waited for */
  wait(source) {
    this.element.dataset.source = "waiting";
    if (source) this.#part(".source").textContent = source;
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
   * @param {"hit" | "fetched"} outcome
   * @param {string} source
   */
  showPicture(blob, outcome, source) {
    const before = this.#url;
    this.#url = URL.createObjectURL(blob);
    this.#draw(this.#url);
    URL.revokeObjectURL(before);
    this.#end(outcome, source);
  }

  /**
   * @param {string} name
   * @param {string} text
   * @param {"failed" | "waiting"} source
   */
  showTrouble(name, text, source) {
    this.#part(".picture").hidden = true;
    this.#part(".blurred").hidden = true;
    this.#part(".trouble-state").textContent = name;
    this.#part(".trouble-text").textContent = text;
    this.#part(".trouble").hidden = false;
    this.#end("failed", source);
  }

  /** Leave nothing of the picture. */
  clear() {
    URL.revokeObjectURL(this.#url);
    this.#url = "";
    this.#placeholder = "";
    this.#part(".picture").hidden = true;
    this.#part(".picture").removeAttribute("src");
    this.#part(".blurred").hidden = true;
    this.#part(".blurred").width = 0;
    this.#part(".trouble").hidden = true;
    this.#end("waiting", "");
  }

  /** @param {string} url */
  #draw(url) {
    const picture = this.#part(".picture");
    picture.src = url;
    picture.hidden = false;
    this.#part(".trouble").hidden = true;
  }

  /** Once the picture has faded in: where it is transparent, nothing shines through. */
  #unblur() {
    setTimeout(() => {
      if (!this.#part(".picture").hidden) this.#part(".blurred").hidden = true;
    }, FADED_MS);
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
