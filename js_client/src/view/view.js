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
 * What is to be shown. `record` is the source, or, once it has come, that of an id.
 *
 * @typedef {object} Wanted
 * @property {Source} source
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
  let stopListening = () => {};

  /**
   * @param {ViewState} next
   * @param {ObjectUrl} [objectUrl]  that the state has
   */
  function change(next, objectUrl) {
    const before = held;
    held = objectUrl;
    state = next;
    onChange(state);
    if (before !== objectUrl) before?.release();
  }

  function leave() {
    loading.abort();
    loading = new AbortController();
    stopListening();
  }

  /** @param {Wanted} asked */
  async function load(asked) {
    leave();
    wanted = asked;
    const { signal } = loading;
    stopListening = client.onRemoved(onRemoved);
    try {
      let record = asked.record && asked.choose(asked.record);
      const inMemory = record && client.peek(record);
      if (inMemory) return change({ status: "shown", url: inMemory.url, record }, inMemory);
      change({ status: "loading", url: state.url, record: record ?? state.record }, held);
      if (!record) {
        asked.record = await client.getRecord(String(asked.source), asked.image?.context);
        signal.throwIfAborted();
        record = asked.choose(asked.record);
      }
      const objectUrl = await client.objectUrl(record, { ...asked.image, signal });
      if (await canShow(objectUrl, signal)) change({ status: "shown", url: objectUrl.url, record }, objectUrl);
    } catch (error) {
      if (signal.aborted) return;
      // Nobody else ends a load but a client that was cleared or closed.
      if (Object(error).name === "AbortError") hide();
      else change({ status: "error", error, record: state.record });
    }
  }

  /** Get all anew, the record of an id too. */
  function reload() {
    if (wanted) load({ ...wanted, record: recordIn(wanted.source) });
  }

  /** @param {Removed} removed */
  function onRemoved(removed) {
    if (!wanted || (removed.type === "deleted" && !isOf(idOf(wanted.source), removed.id))) return;
    if (removed.type === "cleared") return hide();
    change({ status: "loading", record: state.record });
    reload();
  }

  /** Show nothing, and end what is under way. */
  function hide() {
    leave();
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
      const isSame = wanted && idOf(wanted.source) === idOf(source);
      const record = recordIn(source) ?? (isSame ? wanted?.record : undefined);
      const next = { source, record, choose, image };
      if (isSame && wanted && versionOf(wanted) === versionOf(next)) Object.assign(wanted, next);
      else {
        // Another version of an image takes the place of the one before, another image doesn't.
        if (!isSame) change({ status: "loading" });
        load(next);
      }
    },

    hide,

    /** Try again what has failed, with the latest record. */
    retry: reload,
  };
}

/** @param {Source} source */
const recordIn = (source) => (typeof source === "string" ? undefined : source);

/** @param {Source} source */
const idOf = (source) => recordIn(source)?.id ?? String(source);

/** @param {Wanted} wanted */
function versionOf({ source, record, choose }) {
  const { id = source, token } = record ? choose(record) : {};
  return `${id} ${token}`;
}

/**
 * Whether an image can be painted at once, and is still wanted.
 *
 * @param {ObjectUrl} objectUrl  released where not
 * @param {AbortSignal} signal
 * @throws {PixstoreError} where the browser can't draw it
 */
async function canShow({ url, release }, signal) {
  const image = new Image();
  image.src = url;
  try {
    await image.decode();
    signal.throwIfAborted();
    return true;
  } catch (cause) {
    release();
    if (signal.aborted) return false;
    throw new PixstoreError("the browser can't draw this image", { cause });
  }
}
