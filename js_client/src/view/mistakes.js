/** Tells the developer of a page why it shows no pictures. The views have no caller to whom they could throw an error. */

/**
 * By the name of an error: whether the page or its server must be changed. The other errors also occur in a correct
 * page: the user is offline or signed out, a proof has expired, an image was deleted.
 *
 * @type {Record<string, (error: any) => boolean>}
 */
const IS_MISTAKE = {
  // The page has no WebCrypto. An image that can't be drawn has a cause.
  PixstoreError: ({ cause }) => !cause,
  ConfigError: () => true,
  RecordError: ({ reason }) => reason !== "sealed",
  WireError: ({ reason }) => reason !== "truncated",
  FetchError: ({ status }) => status < 500 && ![408, 425, 429].includes(status),
  RefusedError: ({ reason }) => /^Missing/.test(reason),
};

/** @type {Set<string>} */
const told = new Set();

/**
 * Write a mistake to the console, once for each message.
 *
 * @param {any} error
 */
export function tellMistake(error) {
  const { name, message } = Object(error);
  if (!IS_MISTAKE[name]?.(error) || told.has(message)) return;
  told.add(message);
  // eslint-disable-next-line no-console -- a page without an error handler would be empty and silent
  console.warn(`pixstore: a picture can't be shown: ${message}`);
}
