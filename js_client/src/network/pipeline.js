/**
 * Orders batches that are requested at the same time: on a slow line they would share its bandwidth, and the first images
 * would come late. A batch waits until the images before it take no longer than a round trip. On a fast line that is so
 * from the first image on.
 */

import { PRIORITIES } from "../options/options.js";
import { ARRIVAL_MS } from "./request.js";

/** @import { Priority } from "../options/options.js" */
/** @import { ImageRequest } from "./request.js" */

/**
 * @typedef {object} Batch
 * @property {Priority} priority
 * @property {Set<ImageRequest>} unanswered
 * @property {boolean} [isAnswered]  at least in part
 * @property {(value?: any) => void} [go]  ends its wait
 */

/** The longest wait, because the server may hang on one image. */
const MOST_MS = 5000;

/** @param {Batch} batch */
const rankOf = ({ priority }) => PRIORITIES.indexOf(priority);

export function createPipeline() {
  /** @type {Set<Batch>} */
  const underWay = new Set();
  /** @type {Set<Batch>} */
  const waiting = new Set();
  // The shortest and the latest measurement. At first the line counts as slow.
  let [roundTripMs, imageMs] = [1e9, Infinity];

  /** @param {Batch} batch */
  function go(batch) {
    waiting.delete(batch);
    underWay.add(batch);
    batch.go?.();
  }

  /** Start the most urgent batch if the images before it take no longer than a round trip. */
  function proceed() {
    const [next] = [...waiting].sort((one, other) => rankOf(one) - rankOf(other));
    if (!next) return;
    const before = [...underWay].filter((each) => rankOf(each) <= rankOf(next));
    const images = before.reduce((count, { unanswered }) => count + unanswered.size, 0);
    if (!images || images * imageMs <= roundTripMs) go(next);
  }

  return {
    /**
     * Wait in line if a batch that is at least as urgent was requested before and has no answer yet.
     *
     * @param {Batch} batch
     */
    async start(batch) {
      const requests = [...batch.unanswered];
      // A batch of one image, of another origin, does not wait, as a GET does not.
      if (requests.length < 2) return;
      const isBehind = [...underWay, ...waiting].some((each) => !each.isAnswered && rankOf(each) <= rankOf(batch));
      if (!isBehind) return go(batch);
      const mostMs = Math.min(MOST_MS, ...requests.map(({ parsed }) => parsed.expiresAt - Date.now() - ARRIVAL_MS));
      const timer = setTimeout(go, mostMs, batch);
      await new Promise((resolve) => {
        batch.go = resolve;
        waiting.add(batch);
        proceed();
      });
      clearTimeout(timer);
    },

    /**
     * Note that an image of a batch was answered.
     *
     * @param {Batch} batch
     * @param {number} headMs  from the request to the head of the response
     * @param {number} perImageMs  from the head until now, divided by the number of answered images
     */
    advance(batch, headMs, perImageMs) {
      batch.isAnswered = true;
      roundTripMs = Math.min(roundTripMs, headMs);
      imageMs = perImageMs;
      proceed();
    },

    /** @param {Batch} batch */
    end(batch) {
      underWay.delete(batch);
      proceed();
    },
  };
}
