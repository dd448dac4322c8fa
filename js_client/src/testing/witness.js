/** Records the calls of a test client, and the loads, URLs and listeners still in use. */

/** @import { Client } from "../client.js" */
/** @import { ObjectUrl } from "../images/object-urls.js" */

/**
 * A call of one of the client's functions; `id` is the image's, if the call concerns one.
 *
 * @typedef {{name: keyof Client, id: string | undefined}} Call
 */

/**
 * `loading` lists the ids of loads under way, `shown` an id for each object URL that was not released.
 *
 * @typedef {{loading: string[], shown: string[], listeners: number}} TestState
 */

/** @typedef {ReturnType<typeof createWitness>} Witness */

export function createWitness() {
  /** @type {Call[]} */
  const calls = [];
  /** @type {string[]}  the id of an image for each of its held URLs */
  const shown = [];
  /** @type {string[]} */
  const loading = [];
  let listeners = 0;

  /**
   * @param {string[]} ids
   * @param {string} id
   */
  const without = (ids, id) => void ids.splice(ids.indexOf(id), 1);

  return {
    calls,

    /** @returns {TestState} */
    state: () => ({ loading: [...loading], shown: [...shown], listeners }),

    /**
     * @param {keyof Client} name
     * @param {any} subject  a record or an id
     */
    note: (name, subject) => void calls.push({ name, id: typeof subject === "string" ? subject : subject?.id }),

    /**
     * @param {string} id
     * @param {Promise<unknown>} load
     */
    async watch(id, load) {
      loading.push(id);
      await load.catch(() => {});
      without(loading, id);
    },

    /**
     * @param {string} id
     * @param {ObjectUrl} objectUrl
     * @returns {ObjectUrl}
     */
    hold(id, { url, release }) {
      shown.push(id);
      let isHeld = true;
      return {
        url,
        release() {
          if (isHeld) without(shown, id);
          isHeld = false;
          release();
        },
      };
    },

    /** @param {() => void} end */
    listen(end) {
      listeners += 1;
      let isListening = true;
      return () => {
        if (isListening) listeners -= 1;
        isListening = false;
        end();
      };
    },
  };
}
