/** One place on a page that shows an image: what the element and the frameworks have in common. */

import { isOf } from "../format/ids.js";
import * as pixstore from "../index.js";
import { mayComeLater, tryLater } from "./again.js";
import { setAhead, untilFirst } from "./turn.js";

/** @import { Client } from "../client.js" */
/** @import { ImageRecord } from "../format/records.js" */
/** @import { ObjectUrl } from "../images/object-urls.js" */
/** @import { Removed } from "../images/removal.js" */
/** @import { ImageOptions } from "../options/options.js" */

/** @typedef {ImageRecord | string} Source  a record, or the id of an image whose record the client gets */

/** @typedef {Pick<Client, "objectUrl" | "peek" | "getRecord" | "onRemoved">} ViewClient */

/**
 * @typedef {object} ViewState
 * @property {"idle" | "loading" | "shown" | "error"} status
 * @property {string | undefined} [url]  of the image; while another version or size of it is loading, of the one before
 * @property {ImageRecord | undefined} [record]  of what is shown or loading, as soon as there is one
 * @property {any} [error]
 */

/**
 * @typedef {object} ViewOptions
 * @property {((record: ImageRecord) => ImageRecord) | undefined} [choose]  the record or one of its variants; default the
 *   record
 * @property {Omit<ImageOptions, "signal"> | undefined} [image]  what `getImage` takes; with the priority "low", the view
 *   loads once no other view of the page is loading
 */

/**
 * What is to be shown. `record` is the one that was given, or, once it has come, that of an id.
 *
 * @typedef {object} Wanted
 * @property {string} id
 * @property {ImageRecord | undefined} given
 * @property {ImageRecord | undefined} record
 * @property {(record: ImageRecord) => ImageRecord} choose
 * @property {ImageRecord | undefined} [chosen]
 * @property {ViewOptions["image"]} image
 * @property {boolean} [isWaiting]  until no view of a higher priority is loading
 */

/** @typedef {ReturnType<typeof createView>} View */

/** @type {ViewState} */
export const IDLE = { status: "idle" };

/**
 * @param {ViewClient} client
 * @param {(state: ViewState) => void} onChange  called with each new state; before `show` returns, where the image is in
 *   memory
 * @param {() => void} [onCleared]  called where all is cleared, as at a sign-out: forget what was to be shown, and its key,
 *   whether it was shown or not
 */
export function createView(client, onChange, onCleared) {
  /** @type {Wanted | undefined} */
  let wanted;
  /** @type {ViewState} */
  let state = IDLE;
  /** @type {ObjectUrl | undefined} */
  let held;
  let loading = new AbortController();
  let failures = 0;
  let stopWaiting = () => {};
  let stopListening = client.onRemoved(onRemoved);

  const tellOthers = () => setAhead(onRemoved, state.status === "loading" && !isLow(wanted));

  /**
   * @param {ViewState["status"]} status
   * @param {ImageRecord} [record]
   * @param {ObjectUrl} [objectUrl]
   * @param {any} [error]
   */
  function change(status, record, objectUrl, error) {
    const before = held;
    held = objectUrl;
    onChange((state = { status, record, url: objectUrl?.url, error }));
    if (before !== objectUrl) before?.release();
    tellOthers();
  }

  /**
   * @param {Wanted} asked
   * @param {AbortSignal} signal
   */
  async function waitInTurn(asked, signal) {
    if (!isLow(asked)) return;
    asked.isWaiting = true;
    await untilFirst(signal);
    asked.isWaiting = false;
    signal.throwIfAborted();
  }

  /** @param {Wanted} asked */
  async function load(asked) {
    stopWaiting();
    loading.abort();
    const { signal } = (loading = new AbortController());
    wanted = asked;
    try {
      const record = (asked.chosen = chosenOf(asked));
      // What couldn't be drawn may be in memory.
      const inMemory = record && state.status !== "error" && client.peek(record);
      if (inMemory) change("shown", record, inMemory);
      else {
        change("loading", record ?? state.record, held);
        await waitInTurn(asked, signal);
      }
      if (!record) {
        const found = await client.getRecord(asked.id, asked.image?.context);
        if (!signal.aborted) load({ ...asked, record: found });
        return;
      }
      const objectUrl = inMemory || (await client.objectUrl(record, { ...asked.image, signal }));
      const cause = await drawingError(objectUrl.url);
      if (objectUrl !== held) {
        failures = 0;
        if (!cause && !signal.aborted) return change("shown", record, objectUrl);
        objectUrl.release();
      }
      if (cause) throw new pixstore.PixstoreError("the browser can't draw it", { cause });
    } catch (error) {
      if (!signal.aborted) fail(error);
    }
  }

  /** @param {any} error */
  function fail(error) {
    // Nobody else ends a load but a client that was closed.
    if (error?.name === "AbortError") return hide();
    if (mayComeLater(error)) stopWaiting = tryLater(reload, failures++);
    change("error", state.record, undefined, error);
  }

  /** Get all anew, the record of an id too. */
  function reload() {
    if (wanted) load({ ...wanted, record: wanted.given });
  }

  /** @param {Removed} removed */
  function onRemoved(removed) {
    // Where a page is given another client, that one tells from then on; to listen a second time changes nothing.
    stopListening = client.onRemoved(onRemoved);
    if (removed.type === "cleared") {
      hide();
      onCleared?.();
    } else if (wanted && isOf(wanted.id, /** @type {{id?: string}} */ (removed).id)) {
      change("loading", state.record);
      reload();
    }
  }

  /** Show nothing, and end what is under way. */
  function hide() {
    if (!wanted) return;
    wanted = undefined;
    failures = 0;
    stopWaiting();
    loading.abort();
    change("idle");
  }

  return {
    /**
     * Show an image, unless this version and size of it is shown or on its way, or has failed.
     *
     * @param {Source} source
     * @param {ViewOptions} [options]
     */
    show(source, { choose = (record) => record, image } = {}) {
      const given = typeof source === "string" ? undefined : source;
      const id = given ? given.id : /** @type {string} */ (source);
      const before = wanted?.id === id ? wanted : undefined;
      const next = { id, given, record: given ?? before?.record, choose, image };
      const isSame =
        before &&
        !isPromotion(before, next) &&
        (state.status === "error"
          ? JSON.stringify(before.given) === JSON.stringify(given)
          : versionOf(before.chosen) === versionOf(chosenOf(next)));
      if (isSame) {
        Object.assign(before, next);
        tellOthers();
      } else {
        // Another version of an image takes the place of the one before, another image doesn't.
        if (!before) change("loading");
        load(next);
      }
    },

    hide,

    /** Show nothing ever again. */
    end() {
      hide();
      stopListening();
    },

    /** Try again what has failed, with the latest record. */
    retry: reload,
  };
}

/** @param {Wanted} [wanted] */
const isLow = (wanted) => wanted?.image?.priority === "low";

/**
 * Whether a load that waits must begin anew, now at once. It has requested nothing yet.
 *
 * @param {Wanted} before
 * @param {Wanted} next
 */
const isPromotion = (before, next) => before.isWaiting && !isLow(next);

/** @param {Wanted} wanted */
const chosenOf = ({ record, choose }) => record && choose(record);

/** @param {ImageRecord} [record] */
const versionOf = (record) => `${record?.id} ${record?.token}`;

/**
 * Why an image can't be painted; where it can, that is possible at once.
 *
 * @param {string} url
 * @returns {Promise<unknown>}
 */
const drawingError = (url) =>
  Object.assign(new Image(), { src: url })
    .decode()
    .catch((error) => error);
