/**
 * Shows the last known pictures while the application can't be reached (`offline: true`). The entry of each cached image
 * has its sealed record, so one transaction stores, evicts or removes both:
 *
 *     entries   {…, record, recipient}, `recipient` is the public key that the record is sealed to
 */

import { done } from "../cache/indexeddb.js";
import { ENTRIES, keyOf } from "../cache/object-stores.js";
import { createRenewal } from "./renewal.js";

/** @import { Entry, ImageCache } from "../cache/cache.js" */
/** @import { Recipient } from "../crypto/recipient.js" */
/** @import { ImageRecord } from "../format/records.js" */
/** @import { Memory } from "../images/memory.js" */
/** @import { Removed } from "../images/removal.js" */
/** @import { Reported } from "../images/storage-failures.js" */
/** @import { ImageOptions } from "../options/options.js" */
/** @import { StoredCache } from "./pair.js" */

/** @typedef {{record: ImageRecord, recipient: string}} Kept  the part of an entry that opens its image */

/** @typedef {Entry & Partial<Kept>} Row */

/**
 * @typedef {object} Parts  of a client
 * @property {{namespace: string}} options
 * @property {Recipient} recipient
 * @property {ImageCache} cache
 * @property {Memory} memory
 * @property {Reported} reported
 */

/**
 * @typedef {object} Online  the functions of a client that need the network
 * @property {(record: ImageRecord, options?: ImageOptions, asked?: number) => Promise<Blob>} getImage  `asked`: how many
 *   removals there were when it was called
 * @property {(id: string, context: unknown) => Promise<ImageRecord>} getRecord
 */

/**
 * Make a client keep records in its cache, and use them if the network fails.
 *
 * @param {Parts} parts
 * @param {{deleteCachedImage: (id: string) => Promise<boolean>, onRemoved: (listener: (removed: Removed) => void) => void}} removal
 * @param {Online} online  its functions are replaced
 */
export function addOffline({ options, recipient, cache, memory, reported }, removal, online) {
  // The cache "memory" or "off" stores nothing.
  if (!("change" in cache)) return;
  const stores = /** @type {StoredCache} */ (cache);
  const { namespace } = options;
  const { getImage, getRecord } = online;
  const { opened } = recipient;
  const { touch } = cache;
  const renewLater = createRenewal(online, removal.onRemoved, renew);
  /** The ids whose removal was announced after a refusal of this kind of call, which has not succeeded since. */
  const announced = { record: new Set(), image: new Set() };

  /** Return the public key of the stored pair. It is empty if the pair is in memory, because that opens nothing later. */
  async function ownKey() {
    const [own] = Object.values(await recipient.headers());
    return (recipient.isStored && own) || "";
  }

  /**
   * Read the entries of an image and its variants, the image first.
   *
   * @param {string} original
   * @returns {Promise<Row[]>}
   */
  async function rowsOf(original) {
    const variants = IDBKeyRange.bound([namespace, `${original}~`], [namespace, `${original}~~`]);
    const reading = stores.transact([ENTRIES], "readonly", async (entries) => [
      ...(await done(entries.getAll(keyOf({ namespace, id: original })))),
      ...(await done(entries.getAll(variants))),
    ]);
    return (await reported(reading)) ?? [];
  }

  /**
   * Read the records of the last cached version of an image and its variants. `best` is the record of `id`, otherwise of
   * the largest one, and is renewed later.
   *
   * @param {string} id
   * @param {unknown} context
   */
  async function lastRecords(id, context) {
    const own = await ownKey();
    const all = (await rowsOf(originalOf(id))).filter((row) => row.record && own && row.recipient === own);
    // All sizes of a version have one token. After a newer size was shown, no older one is.
    const newest = Math.max(...all.map(({ token }) => token));
    const rows = all.filter(({ token }) => token === newest);
    // An original is not smaller than its variants, even if its file is.
    const [largest] = [...rows].sort(
      (one, other) => Number(isVariant(one)) - Number(isVariant(other)) || other.size - one.size,
    );
    const records = rows.map(({ record }) => /** @type {ImageRecord} */ (record));
    const best = records.find((record) => record.id === id) ?? largest?.record;
    if (best) renewLater(id, context);
    return { records, best };
  }

  /**
   * Return a record of the last cached version. If only other sizes are cached, `getImage` shows the largest of them.
   *
   * @param {string} id
   * @param {unknown} context
   * @returns {Promise<ImageRecord | undefined>}
   */
  async function lastRecord(id, context) {
    const { records, best } = await lastRecords(id, context);
    if (!best) return undefined;
    const variants = records.filter((record) => record.id.startsWith(`${id}~`));
    // The proof of another size is of no use.
    const record = best.id === id ? best : { ...best, id, proofExpiresAt: 0 };
    if (!variants.length) return record;
    return { ...record, variants: Object.fromEntries(variants.map((each) => [each.id.split("~")[1], each])) };
  }

  /**
   * Delete an image that the server refuses. Announce it once: views then load the image again, and another view
   * may cache it again by a record of its own.
   *
   * @param {string} id
   * @param {Set<string>} announcedIds
   */
  async function forget(id, announcedIds) {
    const original = originalOf(id);
    if (!memory.remove(original) && !(await rowsOf(original)).length) return;
    const isAnnounced = announcedIds.has(id);
    announcedIds.add(id);
    /** @type {Promise<unknown>} */
    const removing = isAnnounced ? cache.remove(original) : removal.deleteCachedImage(original);
    await reported(removing);
  }

  /**
   * Delete an image of which only earlier versions than a record's are cached. Views then load it again.
   *
   * @param {string} id
   * @param {ImageRecord} record
   */
  async function renew(id, { token }) {
    const rows = await rowsOf(originalOf(id));
    if (rows.every((row) => row.token < token)) await reported(removal.deleteCachedImage(id));
  }

  /**
   * Run a call. If the server refuses the image, delete it. If the application can't be reached, use the last version.
   *
   * @template Result
   * @param {keyof typeof announced} kind
   * @param {string} id
   * @param {() => Promise<Result>} call
   * @param {() => Promise<Result | undefined>} last
   * @returns {Promise<Result>}
   */
  async function orLast(kind, id, call, last) {
    try {
      const result = await call();
      announced[kind].delete(id);
      return result;
    } catch (error) {
      if (isRefusal(kind, error)) await forget(id, announced[kind]);
      const found = isOutage(error) && (await last());
      if (found) return found;
      throw error;
    }
  }

  /**
   * Keep the record that has opened a cached image, unless the entry has one that this browser can open.
   *
   * @param {Kept} kept
   */
  async function keep({ record, recipient: own }) {
    const name = { namespace, id: record.id };
    /** @type {Row | null | undefined} */
    const known = stores.known(name);
    if (!own || known?.recipient === own) return;
    const writing = stores.transact([ENTRIES], "readwrite", async (entries) => {
      /** @type {Row | undefined} */
      const row = await done(entries.get(keyOf(name)));
      if (row?.token !== record.token || row.recipient === own) return;
      entries.put({ ...row, record, recipient: own });
      if (known) known.recipient = own;
    });
    await reported(writing);
  }

  recipient.opened = (parsed, record) => {
    const kept = keptOf(record);
    // The key is found before the image is decrypted, and so before the entry is written.
    if (kept) ownKey().then((own) => (kept.recipient = own));
    return { ...opened(parsed, record), kept };
  };

  cache.touch = (id, kept) => {
    touch(id);
    if (kept) keep(/** @type {Kept} */ (kept));
  };

  online.getRecord = (id, context) =>
    orLast(
      "record",
      id,
      () => getRecord(id, context),
      () => lastRecord(id, context),
    );

  online.getImage = (record, imageOptions, asked) =>
    orLast(
      "image",
      Object(record).id,
      () => getImage(record, imageOptions, asked),
      async () => {
        const { best } = await lastRecords(record.id, imageOptions?.context);
        return best && getImage(best, { signal: imageOptions?.signal }, asked).catch(() => undefined);
      },
    );
}

/**
 * Return the part of a record that the entry of its image keeps, or undefined for a plain record: it has the key in clear.
 *
 * @param {ImageRecord} record
 * @returns {Kept | undefined}
 */
function keptOf({ id, token, meta: { sealed, iv, tag }, statelessProof, proofExpiresAt, width, height }) {
  if (!sealed) return undefined;
  const record = { id, token, meta: { sealed, iv, tag }, statelessProof, proofExpiresAt, width, height };
  // The storage refuses the objects that some frameworks wrap values in.
  return { record: JSON.parse(JSON.stringify(record)), recipient: "" };
}

/** @param {string} id */
const originalOf = (id) => /** @type {string} */ (String(id).split("~")[0]);

/** @param {{id: string}} named */
const isVariant = ({ id }) => id.includes("~");

/**
 * Whether the server refuses the image: the source of records has no record of it, or the image's own request gets 403.
 * Any other 403 or 404 may come from a proxy that refuses everything, or after the session's end.
 *
 * @param {string} kind
 * @param {any} error
 */
const isRefusal = (kind, error) => error?.name === "NotFoundError" || (kind === "image" && error?.status === 403);

/**
 * Whether the application can't be reached: the network or the server failed, or `refreshRecord` rejects as fetch does.
 * A 5xx counts too: a proxy answers 502 while the application is down, and no 5xx says that a right was withdrawn.
 *
 * @param {any} error
 */
const isOutage = (error) =>
  error instanceof TypeError || (/^(Fetch|Server)Error$/.test(error?.name) && !(error.status < 500));
