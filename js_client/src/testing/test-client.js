/** A client for the tests of pages. It has the images that a test adds, and fails and waits as the test demands. */

import { unlessAborted } from "../abort.js";
import { joined } from "../client.js";
import { checked, integer } from "../options/checks.js";
import { resolveOptions } from "../options/options.js";
import { createImages } from "./images.js";
import { createTestRecipient, recipientIn } from "./recipient.js";
import { createTroubles, failureOf } from "./troubles.js";
import { createWitness } from "./witness.js";

/** @import { Client } from "../client.js" */
/** @import { ImageRecord } from "../format/records.js" */
/** @import { Tabs } from "../images/tabs.js" */
/** @import { ImageRequest } from "../network/request.js" */
/** @import { Details, Images } from "./images.js" */
/** @import { RequestHeaders } from "./recipient.js" */
/** @import { Failure, Troubles } from "./troubles.js" */
/** @import { Call, TestState, Witness } from "./witness.js" */

/**
 * @typedef {object} TestConfig
 * @property {number | undefined} [delayMs]  delay of each load in milliseconds; default 0
 * @property {number | undefined} [proofMs]  lifetime of a proof in milliseconds; default 40 000
 * @property {boolean | undefined} [refreshes]  whether the client fetches fresh records by itself, as with
 *   `recordsUrl`: sealed to it; default true
 */

/**
 * A control of an image applies to its variants, too.
 *
 * @typedef {object} TestControls
 * @property {(id: string, bytes?: Uint8Array, details?: Details) => ImageRecord} addImage  Add an image, by default a
 *   small PNG, and return a record. Throws RecordError for an invalid id.
 * @property {(id: string, bytes?: Uint8Array, details?: Details) => ImageRecord} update  Add a new version of an image
 *   and return a record. Omitted values stay as they are. Throws ConfigError for an unknown id.
 * @property {(id: string) => void} remove  Remove an image, as if another user had deleted it.
 * @property {(id: string, headers?: RequestHeaders) => ImageRecord} record  Return a fresh record, as the application's
 *   API does. If the headers of the request for it are those of `recipientHeaders()`, the record is sealed to that
 *   client. Throws ConfigError for an unknown id or an invalid header.
 * @property {(id?: string) => void} expire  Expire the proofs of all records issued so far, of an image or of all
 *   images.
 * @property {(id: string, error?: Failure | Error, times?: number) => void} fail  Make the loads of an image fail, all
 *   of them or the next `times`. Without an error they no longer fail.
 * @property {(id: string, ms: number) => void} delay  Set the delay of the loads of an image in milliseconds.
 * @property {(id: string) => void} hold  Make the loads of an image wait for `release`.
 * @property {(id: string) => void} release  Let held loads continue.
 * @property {readonly Call[]} calls  The calls so far, in order.
 * @property {(name: keyof Client, id?: string) => number} count  Count the calls of a function, or those for one image.
 * @property {() => TestState} state  Return the loads, URLs and listeners that are still in use; none once the page is
 *   empty.
 */

/** @typedef {Readonly<Client & TestControls>} TestClient */

const CONFIG = {
  delayMs: integer(0),
  proofMs: integer(0),
  refreshes: (/** @type {unknown} */ value) => typeof value !== "boolean" && "true or false",
};

/** @type {Tabs} */
const NO_OTHER_TABS = {
  join() {},
  leave() {},
  isAlone: () => true,
  tell() {},
  claim: async () => () => {},
};

/**
 * Make a test client without images.
 *
 * @param {TestConfig} [config]
 * @returns {TestClient}
 * @throws {ConfigError} for an unknown option or an unusable value
 */
export function createTestClient(config = {}) {
  const { delayMs = 0, proofMs = 40_000, refreshes = true } = checked(CONFIG, config);
  const [images, troubles, witness] = [createImages(proofMs), createTroubles(delayMs), createWitness()];
  const recipient = createTestRecipient();

  /** @param {ImageRequest} request */
  async function download({ parsed, onProgress, signal }) {
    const answered = unlessAborted(signal, async () => {
      await troubles.meet(parsed.id);
      const answer = images.answer(parsed);
      await parsed.key;
      return answer;
    });
    witness.watch(parsed.id, answered);
    const { token, plaintext } = await answered;
    onProgress({ loaded: plaintext.length, total: plaintext.length });
    return { token, plaintext, sealed: plaintext };
  }

  // The real client, without network, WebCrypto, IndexedDB or other tabs.
  const sealedRecord = async (/** @type {string} */ id) => images.record(id, recipientIn(await recipient.headers()));
  const options = resolveOptions({ cache: "memory" });
  const client = joined(options, recipient, refreshes ? sealedRecord : undefined, download, () => NO_OTHER_TABS);
  return Object.freeze({ ...witnessed(client, witness), ...controlsOf(images, troubles, witness) });
}

/**
 * Wrap the client's functions, so that the witness notes calls, URLs and listeners.
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
  /** @type {TestControls["record"]} */
  const record = (id, headers = {}) =>
    images.known(id) && /** @type {ImageRecord} */ (images.record(id, recipientIn(headers)));
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
      // The real client makes a new error each time.
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
