/**
 * Orders batches that are requested at the same time: on a slow line they would share its bandwidth, and the first images
 * would come late. A batch waits until the images under way, but for one, take no longer than a round trip, so that the
 * line is never idle. On a fast line, all batches start with the first answered image.
 */

import { PRIORITIES } from "../options/options.js";

/** @import { Priority } from "../options/options.js" */
/** @import { ImageRequest } from "./request.js" */

/**
 * @typedef {object} Batch
 * @property {Priority} priority
 * @property {Set<ImageRequest>} unanswered
 * @property {boolean} [isAnswered]  at least in part
 * @property {(value?: any) => void} [go]  ends its wait
 */

/** @param {Batch} batch */
const rankOf = ({ priority }) => PRIORITIES.indexOf(priority);

export function createPipeline() {
  /** @type {Set<Batch>} */
  const underWay = new Set();
  /** @type {Batch[]}  the most urgent first */
  const waiting = [];
  // The latest measurements. At first the line counts as slow.
  let [roundTripMs, imageMs] = [0, 1e9];

  function isFull() {
    const images = [...underWay].reduce((count, { unanswered }) => count + unanswered.size, 0);
    return (images - 1) * imageMs > roundTripMs;
  }

  function proceed() {
    for (let next; !isFull() && (next = waiting.shift());) {
      underWay.add(next);
      next.go?.();
    }
  }

  return {
    /**
     * Wait in line if a batch that is at least as urgent was requested before and has no answer yet.
     *
     * @param {Batch} batch
     */
    async start(batch) {
      const isLater = [...underWay].some((each) => !each.isAnswered && rankOf(each) <= rankOf(batch));
      if (!isLater || !isFull()) return void underWay.add(batch);
      await new Promise((go) => {
        batch.go = go;
        waiting.push(batch);
        waiting.sort((one, other) => rankOf(one) - rankOf(other));
      });
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
      [roundTripMs, imageMs] = [headMs, perImageMs];
      proceed();
    },

    /** @param {Batch} batch */
    end(batch) {
      underWay.delete(batch);
      proceed();
    },
  };
}
