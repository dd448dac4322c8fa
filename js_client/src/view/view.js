/** One place on a page that shows an image: what the element and the frameworks have in common. */

import { isOf } from "../format/ids.js";
import { PixstoreError } from "../index.js";

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
 * @property {Omit<ImageOptions, "signal"> | undefined} [image]  what `getImage` takes
 */

/**
 * What is to be shown. `record` is the one that was given, or, once it has come, that of an id.
 *
 * @typedef {object} Wanted
 * @property {string} id
 * @property {ImageRecord | undefined} given
 * @property {ImageRecord | undefined} record
 * @property {(record: ImageRecord) => ImageRecord} choose
 * @property {ViewOptions["image"]} image
 */

/** @typedef {ReturnType<typeof createView>} View */

/** @type {ViewState} */
export const IDLE = Object.freeze({ status: "idle" });

/**
 * @param {ViewClient} client
 * @param {(state: ViewState) => void} onChange  called with each new state; before `show` returns, where the image is in
 *   memory
 */
export function createView(client, onChange) {
  /** @type {ViewState} */
  let state = IDLE;
  /** @type {Wanted | undefined} */
  let wanted;
  /** @type {ObjectUrl | undefined} */
  let held;
  let loading = new AbortController();

  /**
   * @param {ViewState} next  without a URL
   * @param {ObjectUrl} [objectUrl]  whose URL it has
   */
  function change(next, objectUrl) {
    const before = held;
    held = objectUrl;
    state = objectUrl ? { ...next, url: objectUrl.url } : next;
    onChange(state);
    if (before !== objectUrl) before?.release();
  }

  /** @param {Wanted} asked */
  async function load(asked) {
    loading.abort();
    loading = new AbortController();
    const { signal } = loading;
    wanted = asked;
    signal.addEventListener("abort", client.onRemoved(onRemoved));
    try {
      let record = asked.record && asked.choose(asked.record);
      const inMemory = record && client.peek(record);
      if (inMemory) return change({ status: "shown", record }, inMemory);
      change({ status: "loading", record: record ?? state.record }, held);
      if (!record) {
        asked.record = await client.getRecord(asked.id, asked.image?.context);
        signal.throwIfAborted();
        record = asked.choose(asked.record);
        change({ status: "loading", record }, held);
      }
      const objectUrl = await client.objectUrl(record, { ...asked.image, signal });
      const cause = await drawingError(objectUrl.url);
      if (!cause && !signal.aborted) return change({ status: "shown", record }, objectUrl);
      objectUrl.release();
      throw undrawable(cause);
    } catch (error) {
      if (signal.aborted) return;
      // Nobody else ends a load but a client that was cleared or closed.
      if (Object(error).name === "AbortError") hide();
      else change({ status: "error", error, record: state.record });
    }
  }

  /** Get all anew, the record of an id too. */
  function reload() {
    if (wanted) load({ ...wanted, record: wanted.given });
  }

  /** @param {Removed} removed */
  function onRemoved(removed) {
    if (!wanted || (removed.type === "deleted" && !isOf(wanted.id, removed.id))) return;
    if (removed.type === "cleared") return hide();
    change({ status: "loading", record: state.record });
    reload();
  }

  /** Show nothing, and end what is under way. */
  function hide() {
    loading.abort();
    wanted = undefined;
    change(IDLE);
  }

  return {
    /**
     * Show an image, unless this version and size of it is shown or on its way.
     *
     * @param {Source} source
     * @param {ViewOptions} [options]
     */
    show(source, { choose = (record) => record, image } = {}) {
      const given = typeof source === "string" ? undefined : source;
      const id = given?.id ?? String(source);
      const before = wanted?.id === id ? wanted : undefined;
      const next = { id, given, record: given ?? before?.record, choose, image };
      if (before && versionOf(before) === versionOf(next)) Object.assign(before, next);
      else {
        // Another version of an image takes the place of the one before, another image doesn't.
        if (!before) change({ status: "loading" });
        load(next);
      }
    },

    hide,

    /** Try again what has failed, with the latest record. */
    retry: reload,
  };
}

/** @param {Wanted} wanted */
function versionOf({ record, choose }) {
  const { id, token } = record ? choose(record) : {};
  return `${id} ${token}`;
}

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

/** @param {unknown} [cause] */
export const undrawable = (cause) => new PixstoreError("the browser can't draw this image", { cause });
