/** The demo's JSON API. Every call rejects with an Error whose message is fit for the page. */

/** @import { ImageRecord } from "/images/-/client/index.js" */

/** @typedef {ImageRecord & {proofExpiresAt: number}} PictureRecord */

/**
 * A picture with its record; `bytes` is the length of the original, `receivedAt` when the record arrived, in epoch
 * milliseconds.
 *
 * @typedef {{title: string, bytes: number, record: PictureRecord, receivedAt: number}} Entry
 */

/**
 * What is known of a picture without its record: what it is called, and how much room it takes.
 *
 * @typedef {{id: string, title: string, bytes: number, width: number | null, height: number | null}} Card
 */

/** The session has ended, here or in another tab. */
export class SignedOutError extends Error {}

/** The server can't be reached, or is busy with itself: worth another try. */
export class AwayError extends Error {}

const PICTURES = "/api/pictures";

/** @typedef {() => Promise<Record<string, string>>} HeadersOf */

/** @type {HeadersOf} */
let recordHeaders = async () => ({});

/**
 * Set the headers of all later requests for records. Without headers, the records are plain.
 *
 * @param {HeadersOf} headersOf  for sealed records the client's `recipientHeaders`
 */
export function askForRecordsWith(headersOf) {
  recordHeaders = headersOf;
}

/** @type {() => Promise<string | null>} */
export const signedInGuest = async () => (await call("GET", "/api/session")).answer.guest;

/** @type {() => Promise<string>} the new session's guest */
export const signIn = async () => (await call("POST", "/api/session")).answer.guest;

export const signOut = () => call("DELETE", "/api/session");

/** @returns {Promise<{pictures: Card[], toPaint: number}>} the newest first, without records */
export const list = async () => (await call("GET", PICTURES)).answer;

/**
 * Fresh records of some pictures, by one query; those that are gone are missing in the answer.
 *
 * @param {string[]} ids
 * @returns {Promise<{entries: Entry[], bytes: number}>}
 */
export async function records(ids) {
  const { answer, bytes } = await call("GET", `/api/records?${queryOf(ids)}`, await recordHeaders());
  return { entries: answer.pictures.map(received), bytes };
}

/** @type {(id: string) => Promise<Entry>} lets the server replace the picture by another */
export const update = async (id) => received((await call("PUT", address(id), await recordHeaders())).answer);

/** @param {string} id */
export const remove = (id) => call("DELETE", address(id));

/** @type {(ids: string[]) => Promise<unknown>} lets the next payload of each end after half of its bytes */
export const truncateNext = (ids) => call("POST", `/api/faults/truncation?${queryOf(ids)}`);

export const restart = () => call("POST", "/api/faults/restart");

/**
 * Upload a file, as the request's whole body. fetch tells nothing of an upload's progress, so this is XMLHttpRequest.
 *
 * @param {File} file
 * @param {object} options
 * @param {boolean} options.strips  whether the server removes its metadata
 * @param {(sent: number) => void} options.onProgress  told how many bytes are sent
 * @param {AbortSignal} options.signal
 * @returns {Promise<Entry>}
 */
export async function upload(file, { strips, onProgress, signal }) {
  const headers = await recordHeaders();
  signal.throwIfAborted();
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", `${PICTURES}?strip_metadata=${strips}`);
    for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
    request.responseType = "json";
    request.upload.onprogress = ({ loaded }) => onProgress(loaded);
    request.onload = () => {
      if (request.status === 201) resolve(received(request.response));
      else reject(errorOf(request.status, request.response ?? {}));
    };
    request.onerror = () => reject(new AwayError("the demo does not answer: is it still running?"));
    request.onabort = () => reject(new DOMException("cancelled", "AbortError"));
    signal.addEventListener("abort", () => request.abort());
    request.send(file);
  });
}

/** @param {Omit<Entry, "receivedAt">} answer */
const received = (answer) => ({ ...answer, receivedAt: Date.now() });

/** @param {string[]} ids */
const queryOf = (ids) => new URLSearchParams(ids.map((id) => ["id", id]));

/** @param {string} id */
const address = (id) => `${PICTURES}/${encodeURIComponent(id)}`;

/**
 * @param {string} method
 * @param {string} url
 * @param {Record<string, string>} [headers]
 */
async function call(method, url, headers) {
  const response = await request(method, url, headers);
  const answer = response.status === 204 ? {} : await response.json().catch(() => ({}));
  if (!response.ok) throw errorOf(response.status, answer);
  return { answer, bytes: Number(response.headers.get("content-length")) };
}

/**
 * @param {string} method
 * @param {string} url
 * @param {Record<string, string>} [headers]
 */
async function request(method, url, headers) {
  try {
    return await fetch(url, { method, headers, cache: "no-store" });
  } catch (cause) {
    throw new AwayError("the demo does not answer: is it still running?", { cause });
  }
}

/**
 * @param {number} status
 * @param {{detail?: string}} answer
 */
function errorOf(status, { detail = `the demo answered with HTTP status ${status}` }) {
  if (status === 401) return new SignedOutError(detail);
  return status === 503 ? new AwayError(detail) : new Error(detail);
}
