/** The demo's JSON API. Every call rejects with an Error whose message is fit for the page. */

/** @typedef {{title: string, record: import("/images/-/client/index.js").ImageRecord}} Entry */

const PICTURES = "/api/pictures";

/** @returns {Promise<Entry[]>} */
export const listAll = async () => (await send("GET", PICTURES)).pictures;

/** @type {(id: string) => Promise<Entry>} with a fresh record */
export const show = (id) => send("GET", address(id));

/** @type {(file: File) => Promise<Entry>} */
export const upload = (file) => send("POST", PICTURES, file);

/** @type {(id: string) => Promise<Entry>} lets the server replace the picture by another */
export const update = (id) => send("PUT", address(id));

/** @type {(id: string) => Promise<void>} */
export const remove = (id) => send("DELETE", address(id));

/** @param {string} id */
const address = (id) => `${PICTURES}/${encodeURIComponent(id)}`;

/**
 * @param {string} method
 * @param {string} url
 * @param {File} [body]
 */
async function send(method, url, body) {
  const response = await request(method, url, body);
  const answer = response.status === 204 ? {} : await response.json().catch(() => ({}));
  if (!response.ok) throw new Error(answer.error ?? `the demo answered with HTTP status ${response.status}`);
  return answer;
}

/**
 * @param {string} method
 * @param {string} url
 * @param {File} [body]
 */
async function request(method, url, body) {
  try {
    return await fetch(url, { method, body, cache: "no-store" });
  } catch (cause) {
    throw new Error("the demo does not answer: is it still running?", { cause });
  }
}
