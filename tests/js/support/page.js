/** The page around a client: browser features that Node.js lacks or hides. */

/** The text in an image of a test. */
export const textOf = async (blob) => Buffer.from(await blob.arrayBuffer()).toString();

/** A promise to be settled by hand. */
export function gate() {
  let open;
  const passed = new Promise((resolve) => {
    open = resolve;
  });
  return { open, passed };
}

/** The real one, also while a test has its own. */
const { setTimeout } = globalThis;

/** Wait for a condition. It counts turns, not seconds, so that a slow machine has enough time. */
export async function until(isTrue) {
  for (let turn = 0; !(await isTrue()); turn += 1) {
    if (turn === 1000) throw new Error(`it never comes: ${isTrue}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** Give a global another value for the rest of one test. */
export function setGlobal(t, name, value) {
  const before = Object.getOwnPropertyDescriptor(globalThis, name);
  Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
  t.after(() => (before ? Object.defineProperty(globalThis, name, before) : delete globalThis[name]));
}

/** Give the page events for the rest of one test; send them with `dispatchEvent`. */
export function pageEvents(t) {
  const page = new EventTarget();
  for (const name of ["addEventListener", "removeEventListener"]) setGlobal(t, name, page[name].bind(page));
  return page;
}

/** The channels between tabs that are opened during a test, in order; `open` holds those not closed. */
export function channels(t) {
  const [opened, open] = [[], new Set()];
  class Channel extends BroadcastChannel {
    constructor(name) {
      super(name);
      opened.push(this);
      open.add(this);
    }

    close() {
      open.delete(this);
      super.close();
    }
  }
  setGlobal(t, "BroadcastChannel", Channel);
  return { opened, open };
}

/** The unhandled rejections during a test. */
export function unhandled(t) {
  const reasons = [];
  const note = (reason) => reasons.push(reason);
  process.on("unhandledRejection", note);
  t.after(() => process.off("unhandledRejection", note));
  return reasons;
}

/** Let all that is ready run, without a timer, which may be a test's own. */
export async function settle() {
  for (let turn = 0; turn < 20; turn += 1) await new Promise(setImmediate);
}

/** The object URLs that are there during a test; each is revoked once at most. */
export function openUrls(t) {
  const urls = new Set();
  const { createObjectURL, revokeObjectURL } = URL;
  t.mock.method(URL, "createObjectURL", (image) => {
    const url = createObjectURL.call(URL, image);
    urls.add(url);
    return url;
  });
  t.mock.method(URL, "revokeObjectURL", (url) => {
    if (!urls.delete(url)) throw new Error("revoked twice");
    revokeObjectURL.call(URL, url);
  });
  return urls;
}
