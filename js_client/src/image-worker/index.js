/** Registers the service worker that lets a plain `<img src="/pixstore-image/-/image/ID">` show encrypted images. */

import { endpointBeside } from "../options/endpoint.js";

/** @import { CacheKind, KeyPair } from "../options/options.js" */

/** @typedef {(url: URL) => any} Trusted */

/**
 * @typedef {object} ImageWorkerOptions
 * @property {string} recordsUrl  URL of a RecordsApp, or of an API that answers in the same way, on the page's origin
 * @property {string | undefined} [endpoint]  the mount, on the page's origin; default: the mount that served this file
 * @property {string | undefined} [scope]  the common path of the pages: `service_worker_scope` of the mount, or a path
 *   below it; default: "/"
 * @property {string | undefined} [namespace]  as in the page's client, so that both share the cache and `clear()` empties
 *   it; default: as in the client
 * @property {string | undefined} [databaseName]  as `namespace`
 * @property {CacheKind | undefined} [cache]  as `namespace`
 * @property {KeyPair | undefined} [keyPair]  as `namespace`
 * @property {boolean | undefined} [offline]  as `namespace`: show the last pictures without a network
 * @property {Trusted | undefined} [trusted]  makes the worker's URL a TrustedScriptURL, under Trusted Types
 * @property {((error: unknown) => void) | undefined} [onError]  called with the reason if the worker cannot be used,
 *   unless the browser has no service workers
 */

/** The longest wait for the worker, because the page shows no images meanwhile. */
const LIMIT_MS = 5000;

/**
 * Register the worker. Image URLs do not work if:
 *
 * - the browser has no service workers, or refuses this one
 * - the worker does not control the page within 5 s
 * - the page has another service worker, which is kept
 *
 * Then show images by the element or by getImage.
 *
 * @param {ImageWorkerOptions} options
 * @returns {Promise<boolean>}  whether image URLs work in this page from now on; never rejects
 */
export async function registerImageWorker({ endpoint, recordsUrl, scope = "/", trusted, onError, ...settings }) {
  try {
    const { serviceWorker } = navigator;
    if (!serviceWorker) return false;
    if (!recordsUrl) throw new Error("recordsUrl is missing");
    if (Object.hasOwn(settings, "namespace") && !settings.namespace) {
      throw new Error("namespace has no value: all users would share one cache");
    }
    const mount = inPage(endpoint ?? endpointBeside(import.meta.url)).replace(/\/$/, "");
    const script = new URL(`${mount}/-/client/service-worker.js`);
    for (const [name, value] of Object.entries(settings)) {
      if (value !== undefined) script.searchParams.set(name, String(value));
    }
    script.searchParams.set("recordsUrl", inPage(recordsUrl));
    const { controller } = serviceWorker;
    await Promise.race([
      takeOver(serviceWorker, script, inPage(scope), trusted),
      new Promise((_, reject) => setTimeout(reject, LIMIT_MS, new Error("no service worker in time"))),
    ]);
    showAgain(`${mount}/-/image/`, controller?.scriptURL !== script.href);
    return true;
  } catch (error) {
    onError?.(error);
    return false;
  }
}

/**
 * Resolve a URL against the page, because the worker's own base URL differs.
 *
 * @param {string} url
 */
const inPage = (url) => new URL(url, document.baseURI).href;

/**
 * Resolves once the worker controls this page, or never.
 *
 * @param {ServiceWorkerContainer} container
 * @param {URL} script
 * @param {string} scope
 * @param {Trusted} [trusted]
 */
async function takeOver(container, script, scope, trusted = (url) => url) {
  const before = await container.getRegistration(scope);
  if (before?.scope === scope && hasOther(before, script)) {
    throw new Error(`${scope} has another service worker; choose another scope`);
  }
  if (!location.href.startsWith(scope)) {
    throw new Error(`the page is outside of ${scope}; choose a scope that contains it`);
  }
  const registration = await container.register(trusted(script), { scope });
  while (container.controller?.scriptURL !== script.href) {
    const changed = new Promise((resolve) => container.addEventListener("controllerchange", resolve, { once: true }));
    // After a reload with the shift key the worker is active, but controls no page.
    registration.active?.postMessage("claim");
    await changed;
  }
}

/**
 * @param {ServiceWorkerRegistration} registration
 * @param {URL} script
 */
function hasOther({ installing, waiting, active }, script) {
  return [installing, waiting, active].some(
    (worker) => worker && new URL(worker.scriptURL).pathname !== script.pathname,
  );
}

/**
 * Request the page's images again that were requested before the worker controlled the page. The mount answered those
 * with an error, or will.
 *
 * @param {string} images  the URL prefix of all images
 * @param {boolean} isNew  the page had no worker, or one with other settings; otherwise another tab may have registered
 *   it a moment ago
 */
function showAgain(images, isNew) {
  for (const image of document.images) {
    if (!image.currentSrc.startsWith(images)) continue;
    const ask = () => {
      // Setting `src` makes the browser load again, even with the same value.
      image.src = image.getAttribute("src") ?? "";
    };
    if (image.complete) {
      if (!image.naturalWidth) ask();
    } else if (isNew) image.addEventListener("error", ask, { once: true });
  }
}
