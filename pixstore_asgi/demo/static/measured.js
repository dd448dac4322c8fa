/** The client of one <pix-image>, with an eye on each look: where the picture was, what was asked, how long it took. */

import { RefusedError } from "/images/-/client/index.js";
import { SignedOutError } from "./api.js";
import { tap } from "./tap.js";

/** @import { ImageRecord, ImageOptions } from "/images/-/client/index.js" */
/** @import { Entry } from "./api.js" */
/** @import { Answer } from "./tap.js" */
/** @import { Session } from "./tile.js" */

/**
 * What one look for a picture did. `record` is that of the size which was shown, `entry` is the fresh one where the client
 * asked for one; `hit` tells where the picture was, undefined for a miss; `answers` are those of its requests, the first one
 * first; `ms` is the whole time, decryption included; `proof` is how old the record was and how much longer it was good for.
 * What was in memory comes without its `blob`.
 *
 * @typedef {object} Measurement
 * @property {ImageRecord} record
 * @property {Entry} entry
 * @property {"memory" | "IndexedDB" | undefined} hit
 * @property {boolean} isRefreshed
 * @property {Answer[]} answers
 * @property {number} ms
 * @property {{ageMs: number, leftMs: number}} proof
 * @property {Blob | undefined} blob
 * @property {Error | undefined} error
 */

/** @typedef {{fresh?: Entry}} Asked  the context of a getImage, in which its refreshRecord leaves what it got */

/**
 * Who is told. `onEntry` gets the record of an id, `onMeasured` each look that is over, failed ones too and aborted ones
 * not, `onProgress` the share that has come, 0 to 1; `onAway` is called at each answer which the server was not there to
 * give.
 *
 * @typedef {object} Listener
 * @property {() => Entry} getEntry  of the record that is shown
 * @property {(entry: Entry) => void} onEntry
 * @property {(measurement: Measurement) => void} onMeasured
 * @property {(share: number) => void} onProgress
 * @property {() => void} onAway
 */

/**
 * @param {Session} session
 * @param {Listener} listener
 */
export function createMeasuredClient({ client, records }, { getEntry, onEntry, onMeasured, onProgress, onAway }) {
  /** @param {string} id */
  async function getRecord(id) {
    const entry = await records.fresh(id);
    onEntry(entry);
    return entry.record;
  }

  /** @param {ImageRecord} record */
  function peek(record) {
    const finish = begin(record, getEntry());
    const picture = client.peek(record);
    if (picture) onMeasured(finish({ hit: "memory" }));
    return picture;
  }

  /**
   * @param {ImageRecord} record
   * @param {ImageOptions} options
   */
  async function objectUrl(record, options) {
    const kept = peek(record);
    if (kept) return kept;
    const finish = begin(record, getEntry());
    /** @type {Asked} */
    const context = {};
    const { signal } = options;
    const over = new AbortController();
    const answers = overhear(record.id, () => signal.aborted || onAway(), over.signal);
    const outcome = await client
      .getImage(record, {
        ...options,
        context,
        onProgress: ({ loaded, total }) => signal.aborted || onProgress(loaded / total),
      })
      .then(
        (blob) => ({ blob, hit: answers.length > 0 ? undefined : "IndexedDB" }),
        (error) => ({ error: isSignedOut(error) ? signedOut(error) : error }),
      );
    over.abort();
    signal.throwIfAborted();
    onMeasured(finish({ ...outcome, answers, fresh: context.fresh }));
    if (outcome.error) throw outcome.error;
    return urlOf(outcome.blob);
  }

  return { getRecord, peek, objectUrl, onRemoved: client.onRemoved };
}

/**
 * @param {ImageRecord} record
 * @param {Entry} entry
 * @returns {(outcome: Partial<Measurement> & Asked) => Measurement}
 */
function begin(record, entry) {
  const startedAt = performance.now();
  const proof = proofOf(entry);
  return ({ fresh, answers = [], hit, blob, error }) => ({
    ...{ record, hit, answers, blob, error, entry: fresh ?? entry, isRefreshed: Boolean(fresh) },
    ms: performance.now() - startedAt,
    proof: fresh ? proofOf(fresh) : proof,
  });
}

/** @param {Blob} blob */
function urlOf(blob) {
  const url = URL.createObjectURL(blob);
  return { url, release: () => URL.revokeObjectURL(url) };
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

/** @param {Measurement} measurement */
export const isOfOriginal = ({ record, entry }) => record.id === entry.record.id;

/** @param {Entry} entry */
const proofOf = ({ record, receivedAt }) => ({
  ageMs: Date.now() - receivedAt,
  leftMs: record.proofExpiresAt - Date.now(),
});

/** @param {unknown} error */
const isSignedOut = (error) => error instanceof RefusedError && error.status === 403;

/** @param {RefusedError} cause */
const signedOut = (cause) => new SignedOutError("this session has ended", { cause });
