/**
 * Counts the leaks of a page from its beginning: a classic script, to stand before all others. Object URLs that
 * nobody has revoked, listeners on what outlives a picture, and in Chromium how far things have been shifted.
 */

const counted = { objectUrls: new Set(), everMade: 0, listeners: [], shifted: 0 };
globalThis.counted = counted;

const { createObjectURL, revokeObjectURL } = URL;
URL.createObjectURL = (object) => {
  const url = createObjectURL.call(URL, object);
  counted.objectUrls.add(url);
  counted.everMade += 1;
  return url;
};
URL.revokeObjectURL = (url) => {
  counted.objectUrls.delete(url);
  revokeObjectURL.call(URL, url);
};

for (const target of [window, document]) {
  /** By type; one that is called once goes by itself. */
  const listening = new Map();
  const { addEventListener, removeEventListener } = target;
  target.addEventListener = (type, listener, options) => {
    if (!listening.has(type)) listening.set(type, new Set());
    if (!options?.once) listening.get(type).add(listener);
    addEventListener.call(target, type, listener, options);
  };
  target.removeEventListener = (type, listener, options) => {
    listening.get(type)?.delete(listener);
    removeEventListener.call(target, type, listener, options);
  };
  counted.listeners.push(listening);
}

if (PerformanceObserver.supportedEntryTypes.includes("layout-shift")) {
  const note = (list) => list.getEntries().forEach(({ value }) => (counted.shifted += value));
  new PerformanceObserver(note).observe({ type: "layout-shift", buffered: true });
}
