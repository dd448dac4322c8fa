/** For pages: the service worker that lets plain `<img src="/pixstore-image/-/image/ID">` show encrypted images. */

import { endpointBeside } from "../options/endpoint.js";
import { showAgain } from "./show-again.js";

/** @import { CacheKind } from "../options/options.js" */

/**
 * @typedef {object} ImageWorkerOptions
 * @property {string} recordsUrl  where a RecordsApp is, or what answers as it does, on the page's own origin
 * @property {string | undefined} [endpoint]  as the client's
 * @property {string | undefined} [scope]  the path that the pages are below, as the mount's `service_worker_scope`;
 *   default "/"
 * @property {string | undefined} [namespace]  this and what follows as the page's client has it, so that they share
 * @property {string | undefined} [databaseName]
 * @property {CacheKind | undefined} [cache]
 * @property {((error: unknown) => void) | undefined} [onError]  told why there is no worker, where the browser has any
 */

/** A page that waits shows nothing. */
const LIMIT_MS = 5000;

/**
 * Register the worker, and tell whether image URLs work in this page from now on. They do not where the browser has no
 * service workers, refuses this one or takes too long, or where the pages have a worker of another kind, which is left
 * alone: then show images by the element or by getImage.
 *
 * @param {ImageWorkerOptions} options
 * @returns {Promise<boolean>}
 */
export async function registerImageWorker({ endpoint, recordsUrl, scope = "/", onError, ...settings }) {
  try {
    const { serviceWorker } = navigator;
    if (!serviceWorker) return false;
    if (!recordsUrl) throw new Error("recordsUrl is missing");
    if (Object.hasOwn(settings, "namespace") && !settings.namespace) {
      throw new Error("namespace has no value: everybody's images would be in one");
    }
    const mount = inPage(endpoint ?? endpointBeside(import.meta.url)).replace(/\/$/, "");
    const script = new URL(`${mount}/-/client/service-worker.js`);
    for (const [name, value] of Object.entries(settings)) if (value !== undefined) script.searchParams.set(name, value);
    script.searchParams.set("recordsUrl", inPage(recordsUrl));
    const { controller } = serviceWorker;
    await Promise.race([
      takeOver(serviceWorker, script, inPage(scope)),
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
 * An address as the page means it: the worker is elsewhere.
 *
 * @param {string} url
 */
const inPage = (url) => new URL(url, document.baseURI).href;

/**
 * Have the worker control this page; resolves once it does, or never.
 *
 * @param {ServiceWorkerContainer} container
 * @param {URL} script
 * @param {string} scope
 */
async function takeOver(container, script, scope) {
  const before = await container.getRegistration(scope);
  if ((before?.scope === scope && hasOther(before, script)) || !location.href.startsWith(scope)) {
    throw new Error("of another scope or another service worker");
  }
  const registration = await container.register(script, { scope });
  while (container.controller?.scriptURL !== script.href) {
    const changed = new Promise((resolve) => container.addEventListener("controllerchange", resolve, { once: true }));
    // After a reload with the shift key it is active, and controls nothing.
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
