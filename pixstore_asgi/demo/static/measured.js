/** getImage with a look at what it does: where the picture came from, what was asked and answered, how long it took. */

import { RefusedError } from "/images/-/client/index.js";
import { SignedOutError } from "./api.js";
import { recordOf } from "./sizes.js";
import { tap } from "./tap.js";

/** @import { Client, ImageOptions } from "/images/-/client/index.js" */
/** @import { Entry } from "./api.js" */
/** @import { Size } from "./sizes.js" */
/** @import { Answer } from "./tap.js" */

/**
 * What one getImage did. `entry` is the fresh one where the client asked for one; `answers` are those of its requests,
 * the first one first; `ms` is the whole time, decryption included; `proof` is how old the record was and how much
 * longer it was good for.
 *
 * @typedef {object} Measurement
 * @property {Size} size
 * @property {"memory" | "IndexedDB" | undefined} hit  where the picture was, undefined for a miss
 * @property {Entry} entry
 * @property {boolean} isRefreshed
 * @property {Answer[]} answers
 * @property {number} ms
 * @property {{ageMs: number, leftMs: number}} proof
 * @property {Blob | undefined} blob
 * @property {Error | undefined} error
 */

/** @typedef {{fresh?: Entry}} Asked  the context of a getImage, in which its refreshRecord leaves what it got */

/** @type {WeakSet<Blob>} from memory the client gives the very Blob that it gave before */
const given = new WeakSet();

/**
 * Get a picture and tell how it was got. A failure is an answer too, an aborted signal is none.
 *
 * @param {Client} client
 * @param {Entry} entry
 * @param {Size} size  of the picture
 * @param {ImageOptions & {signal: AbortSignal, onAway: () => void}} options  `onAway` is told of each answer which the
 *   server was not there to give
 * @returns {Promise<Measurement>}
 */
export async function getMeasured(client, entry, size, { onAway, ...options }) {
  /** @type {Asked} */
  const context = {};
  const record = recordOf(entry, size);
  const over = new AbortController();
  const answers = overhear(record.id, onAway, over.signal);
  const proof = proofOf(entry);
  const startedAt = performance.now();
  const outcome = await client.getImage(record, { ...options, context }).then(
    (blob) => ({ blob, error: undefined, hit: answers.length > 0 ? undefined : placeOf(blob) }),
    (error) => ({ blob: undefined, error: isSignedOut(error) ? signedOut(error) : error, hit: undefined }),
  );
  over.abort();
  options.signal.throwIfAborted();
  if (outcome.blob) given.add(outcome.blob);
  const { fresh } = context;
  return {
    ...outcome,
    ...{ size, answers, entry: fresh ?? entry, isRefreshed: Boolean(fresh), ms: performance.now() - startedAt },
    proof: fresh ? proofOf(fresh) : proof,
  };
}

/**
 * @param {string} id
 * @param {() => void} onAway
 * @param {AbortSignal} signal
 */
function overhear(id, onAway, signal) {
  /** @type {Answer[]} */
  const answers = [];
  const onRequest = ({ detail }) => answers.push(...detail.filter((answer) => answer.id === id));
  const onAnswer = ({ detail }) => {
    if (answers.includes(detail) && isAway(detail)) onAway();
  };
  tap.addEventListener("request", onRequest, { signal });
  tap.addEventListener("answer", onAnswer, { signal });
  return answers;
}

/** @param {Answer} answer */
export const isAway = ({ status }) => status === 0 || status >= 500;

/** @param {Blob} blob */
const placeOf = (blob) => (given.has(blob) ? "memory" : "IndexedDB");

/** @param {Entry} entry */
const proofOf = ({ record, receivedAt }) => ({
  ageMs: Date.now() - receivedAt,
  leftMs: record.proofExpiresAt - Date.now(),
});

/** @param {unknown} error */
const isSignedOut = (error) => error instanceof RefusedError && error.status === 403;

/** @param {RefusedError} cause */
const signedOut = (cause) => new SignedOutError("this session has ended", { cause });
