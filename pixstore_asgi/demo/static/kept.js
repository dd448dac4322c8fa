/** What the client keeps in this browser, by its own account. */

import { bytes, counted, sentence } from "./format.js";

/** @import { Client, Stats } from "/images/-/client/index.js" */

const INTERVAL_MS = 1000; // other tabs of this session store and delete too

export class Kept {
  #panel;
  #signal;

  /**
   * @param {HTMLElement} panel
   * @param {AbortSignal} signal  ends with the session
   */
  constructor(panel, signal) {
    this.#panel = panel;
    this.#signal = signal;
  }

  /** @param {Client} client */
  follow(client) {
    const show = async () => {
      const stats = await client.stats();
      if (!this.#signal.aborted) this.#show(stats);
    };
    show();
    const timer = setInterval(() => document.hidden || show(), INTERVAL_MS);
    this.#signal.addEventListener("abort", () => {
      clearInterval(timer);
      this.#show({ images: 0, bytes: 0, memoryImages: 0, memoryBytes: 0, hits: 0, downloads: 0 });
      this.#part("#kept-failure").textContent = "";
    });
  }

  /** @param {Error} error  the browser's storage failed */
  complain(error) {
    if (this.#signal.aborted) return;
    this.#part("#kept-failure").textContent = `${sentence(error.message)} The pictures are shown anyway.`;
  }

  /** @param {Stats} stats */
  #show({ images, bytes: stored, memoryImages, memoryBytes, hits, downloads }) {
    const texts = {
      stored: `${counted(images, "picture")}, ${bytes(stored)}`,
      memory: `${counted(memoryImages, "picture")}, ${bytes(memoryBytes)}`,
      hits: counted(hits, "time"),
      downloads: counted(downloads, "time"),
    };
    for (const [name, text] of Object.entries(texts)) this.#part(`[data-kept=${name}]`).textContent = text;
  }

  /** @param {string} selector */
  #part(selector) {
    return this.#panel.querySelector(selector);
  }
}
