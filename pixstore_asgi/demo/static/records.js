/** Fresh records: those that are asked for within a moment share one query. */

import * as api from "./api.js";
import { persist } from "./persist.js";

/** @import { Entry } from "./api.js" */

/** The picture was deleted, maybe by someone else. */
export class GoneError extends Error {}

const GATHER_MS = 20; // the frames of a batch that refuse a proof arrive one after another
const MOST = 100; // the server gives no more at once

export class Records {
  #signal;
  #onQuery;
  /** @type {{id: string, resolve: (entry: Entry) => void, reject: (error: unknown) => void}[]} */
  #asked = [];

  /**
   * @param {AbortSignal} signal  ends with the session
   * @param {(count: number, bytes: number, ms: number) => void} onQuery  told of each query that was answered
   */
  constructor(signal, onQuery) {
    this.#signal = signal;
    this.#onQuery = onQuery;
  }

  /**
   * @param {string} id
   * @returns {Promise<Entry>}
   */
  fresh(id) {
    return new Promise((resolve, reject) => {
      if (this.#asked.push({ id, resolve, reject }) === 1) setTimeout(() => this.#answer(), GATHER_MS);
    });
  }

  async #answer() {
    const asked = this.#asked.splice(0, MOST);
    if (this.#asked.length > 0) setTimeout(() => this.#answer());
    try {
      const entries = await persist(() => this.#query(asked.map(({ id }) => id)), this.#signal);
      const entryOf = new Map(entries.map((entry) => [entry.record.id, entry]));
      for (const { id, resolve, reject } of asked) {
        if (entryOf.has(id)) resolve(entryOf.get(id));
        else reject(new GoneError("this picture was deleted"));
      }
    } catch (error) {
      for (const { reject } of asked) reject(error);
    }
  }

  /** @param {string[]} ids */
  async #query(ids) {
    const startedAt = performance.now();
    const { entries, bytes } = await api.records(ids);
    this.#signal.throwIfAborted();
    this.#onQuery(entries.length, bytes, performance.now() - startedAt);
    return entries;
  }
}
