/** A client for the tests of pages: it has the images that a test gives it, and fails and waits as a test wants it. */

import { checked, integer } from "../options/checks.js";
import { failureOf } from "./failures.js";
import { createImages } from "./images.js";
import { createMemoryClient } from "./memory-client.js";
import { createTroubles } from "./troubles.js";
import { createWitness } from "./witness.js";

/** @import { Client } from "../client.js" */
/** @import { ImageRecord } from "../format/records.js" */
/** @import { Failure } from "./failures.js" */
/** @import { Details, Images } from "./images.js" */
/** @import { Troubles } from "./troubles.js" */
/** @import { Call, TestState, Witness } from "./witness.js" */

/**
 * @typedef {object} TestConfig
 * @property {number | undefined} [delayMs]  how long a load takes; default 0
 * @property {number | undefined} [proofMs]  how long a proof lives; default 40 000
 * @property {boolean | undefined} [refreshes]  whether the client gets fresh records by itself, as one with `recordsUrl`
 *   does; default true
 */

/**
 * What is said of an image holds for its variants, too.
 *
 * @typedef {object} TestControls
 * @property {(id: string, bytes?: Uint8Array, details?: Details) => ImageRecord} addImage  Have an image, by default a
 *   small PNG, and return a record. Throws RecordError for an id that can't be.
 * @property {(id: string, bytes?: Uint8Array, details?: Details) => ImageRecord} update  Have a new version of an image,
 *   and return a record; what is not given stays as it was.
 * @property {(id: string) => void} remove  Have an image no more, as when it was deleted elsewhere.
 * @property {(id: string) => ImageRecord} record  A fresh record, as the application's API gives it.
 * @property {(id?: string) => void} expire  End the proofs of the records that are out: of an image, or of all.
 * @property {(id: string, error?: Failure | Error, times?: number) => void} fail  Let the loads of an image fail, all of
 *   them or so many; without an error they fail no more.
 * @property {(id: string, ms: number) => void} delay  Let the loads of an image take so long.
 * @property {(id: string) => void} hold  Let the loads of an image wait for `release`.
 * @property {(id: string) => void} release  Let them go on.
 * @property {readonly Call[]} calls  What was called, in turn.
 * @property {(name: keyof Client, id?: string) => number} count  How often a function was called, or called for an image.
 * @property {() => TestState} state  What is out now: once all is taken off a page, nothing.
 */

/** @typedef {Readonly<Client & TestControls>} TestClient */

const CONFIG = {
  delayMs: integer(0),
  proofMs: integer(0),
  refreshes: (/** @type {unknown} */ value) => typeof value !== "boolean" && "true or false",
};

/**
 * Make a client that has no images yet.
 *
 * @param {TestConfig} [config]
 * @returns {TestClient}
 * @throws {ConfigError} for an unknown option or an unusable value
 */
export function createTestClient(config = {}) {
  const { delayMs = 0, proofMs = 40_000, refreshes = true } = checked(CONFIG, config);
  const [images, troubles, witness] = [createImages(proofMs), createTroubles(delayMs), createWitness()];
  const client = createMemoryClient({
    refreshRecord: refreshes ? images.record : undefined,
    async answer(record) {
      await troubles.meet(record.id);
      return images.answer(record);
    },
    onLoad: witness.watch,
  });
  return Object.freeze({ ...witnessed(client, witness), ...controlsOf(images, troubles, witness) });
}

/**
 * The client's functions, each call of which is noted, and what it leaves out.
 *
 * @param {Client} client
 * @param {Witness} witness
 * @returns {Client}
 */
function witnessed(client, witness) {
  /** @type {any} */
  const noted = {};
  for (const [name, call] of Object.entries(client)) {
    noted[name] = (/** @type {any[]} */ ...given) => {
      witness.note(/** @type {keyof Client} */ (name), given[0]);
      return /** @type {any} */ (call)(...given);
    };
  }
  return {
    ...noted,
    async objectUrl(record, options) {
      const found = await noted.objectUrl(record, options);
      return witness.hold(record.id, found);
    },
    peek(record) {
      const found = noted.peek(record);
      return found && witness.hold(record.id, found);
    },
    onRemoved: (listener) => witness.listen(noted.onRemoved(listener)),
  };
}

/**
 * @param {Images} images
 * @param {Troubles} troubles
 * @param {Witness} witness
 * @returns {TestControls}
 */
function controlsOf(images, troubles, witness) {
  const record = (/** @type {string} */ id) => images.known(id) && /** @type {ImageRecord} */ (images.record(id));
  return {
    addImage(id, bytes, details = {}) {
      images.add(id, bytes, details);
      return record(id);
    },
    update(id, bytes, details = {}) {
      images.update(id, bytes, details);
      return record(id);
    },
    remove: images.remove,
    record,
    expire: images.expire,
    fail(id, error, times = Infinity) {
      // A new one each time, as the real client has it.
      troubles.fail(id, error && (() => (typeof error === "string" ? failureOf(error) : error)), times);
    },
    delay: troubles.delay,
    hold: troubles.hold,
    release: troubles.release,
    calls: witness.calls,
    count: (name, id) => witness.calls.filter((call) => call.name === name && (id ?? call.id) === call.id).length,
    state: witness.state,
  };
}
