/** A view loads one image, keeps it current and reports its state. The element and the framework components use it. */

import { isOf } from "../format/ids.js";
import { PixstoreError } from "../index.js";
import { tellMistake } from "./mistakes.js";
import { mayComeLater, setAhead, tryLater, untilFirst } from "./schedule.js";

/** @import { Client } from "../client.js" */
/** @import { ImageRecord } from "../format/records.js" */
/** @import { ObjectUrl } from "../images/object-urls.js" */
/** @import { Removed } from "../images/removal.js" */
/** @import { ImageOptions } from "../options/options.js" */

/** @typedef {ImageRecord | string} Source  a record, or an image id, for which the client fetches the record */

/** @typedef {Pick<Client, "objectUrl" | "peek" | "getRecord" | "onRemoved">} ViewClient */

/**
 * @typedef {object} ViewState
 * @property {"idle" | "loading" | "shown" | "error"} status
 * @property {string | undefined} [url]  the image; the previous one while another version or size of it is loading
 * @property {ImageRecord | undefined} [record]  of the image that is shown or loading, once it is known
 * @property {any} [error]
 */

/**
 * @typedef {object} ViewOptions
 * @property {((record: ImageRecord) => ImageRecord) | undefined} [choose]  returns the record or one of its variants;
 *   default: the record
 * @property {Omit<ImageOptions, "signal"> | undefined} [image]  options of `getImage`; with the priority "low", the
 *   view waits until no other view of the page is loading
 */

/**
 * The wanted image. `record` is the given record, or the fetched record of an id.
 *
 * @typedef {object} Wanted
 * @property {string} id
 * @property {ImageRecord | undefined} given
 * @property {ImageRecord | undefined} record
 * @property {(record: ImageRecord) => ImageRecord} choose
 * @property {ImageRecord | undefined} [chosen]
 * @property {ViewOptions["image"]} image
 * @property {boolean} [isWaiting]  for views of a higher priority
 */

/** @typedef {ReturnType<typeof createView>} View */

/** @type {ViewState} */
export const IDLE = { status: "idle" };

/**
 * Make a view, which shows nothing yet.
 *
 * @param {ViewClient} client
 * @param {(state: ViewState) => void} onChange  called with each new state; before `show` returns if the image is in
 *   memory
 * @param {() => void} [onCleared]  called when everything is cleared, as at a sign-out: forget the wanted image and its
 *   key
 */
export function createView(client, onChange, onCleared) {
  /** @type {Wanted | undefined} */
  let wanted;
  /** @type {ViewState} */
  let state = IDLE;
  /** @type {ObjectUrl | undefined} */
  let held;
  let failures = 0;
  /** Stops the load under way, or the wait for the next. */
  let stop = () => {};
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
    stop();
    const controller = new AbortController();
    const { signal } = controller;
    stop = () => controller.abort();
    wanted = asked;
    try {
      const record = (asked.chosen = chosenOf(asked));
      // After an error do not use memory: it may hold the image that could not be drawn.
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
      if (cause) throw new PixstoreError("the browser can't draw the image", { cause });
    } catch (error) {
      if (!signal.aborted) fail(error);
    }
  }

  /** @param {any} error */
  function fail(error) {
    // Only a closed client aborts a load of this view.
    if (error?.name === "AbortError") return hide();
    tellMistake(error);
    if (mayComeLater(error)) stop = tryLater(reload, failures++);
    change("error", state.record, undefined, error);
  }

  /** Load again, and fetch the record of an id again. */
  function reload() {
    if (wanted) load({ ...wanted, record: wanted.given });
  }

  /** @param {Removed} removed */
  function onRemoved(removed) {
    // If the page's client was replaced, listen to the new one. A second registration changes nothing.
    stopListening = client.onRemoved(onRemoved);
    if (removed.type === "cleared") {
      hide();
      onCleared?.();
    } else if (wanted && isOf(wanted.id, /** @type {{id?: string}} */ (removed).id)) {
      change("loading", state.record);
      reload();
    }
  }

  /** Show nothing, and abort the load under way. */
  function hide() {
    if (!wanted) return;
    wanted = undefined;
    failures = 0;
    stop();
    change("idle");
  }

  return {
    /**
     * Show an image, unless this version and size of it is shown or loading, or has failed.
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
        // While a new version loads, the previous one stays visible; another image starts empty.
        if (!before) change("loading");
        load(next);
      }
    },

    hide,

    /** End the view: it must not be used any more. */
    end() {
      hide();
      stopListening();
    },

    /** Try a failed image again, with the latest record. */
    retry: reload,
  };
}

/** @param {Wanted} [wanted] */
const isLow = (wanted) => wanted?.image?.priority === "low";

/**
 * Whether a waiting load must start now, because its priority was raised. It has requested nothing yet.
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
 * Decode an image, so that the browser can paint it at once.
 *
 * @param {string} url
 * @returns {Promise<unknown>}  the error, or undefined if the image was decoded
 */
function drawingError(url) {
  const image = Object.assign(new Image(), { src: url });
  // WebKit would keep the decoded picture until it collects the garbage.
  const free = () => (image.src = "");
  return image.decode().then(free, (error) => error);
}
