/**
 * Notes when each picture of the page is painted, and scrolls as a reader does. Injected before the page's own scripts,
 * so it is not on the line. A picture counts as painted at the first frame after `decode` of its `<img>`, by all ways.
 */

(() => {
  const WIDTH = 320; // of a picture; what stands in its place meanwhile has another width
  const GIVE_UP_MS = 20_000;

  /** @type {Map<Element, number>}  by child of `<main>`, in ms since the navigation began */
  const painted = new Map();
  const failures = [];

  document.addEventListener(
    "load",
    async ({ target: img }) => {
      const tile = img instanceof HTMLImageElement && img.closest("main > *");
      if (!tile || img.naturalWidth !== WIDTH || painted.has(tile)) return;
      await img.decode().catch((error) => failures.push(String(error)));
      requestAnimationFrame((now) => painted.set(tile, painted.get(tile) ?? now));
    },
    true,
  );

  const tiles = (count) => {
    const all = [...(document.querySelector("main")?.children ?? [])];
    return all.length === count ? all : undefined;
  };

  function onScreen(count) {
    return tiles(count)?.filter((tile) => {
      const { bottom, top } = tile.getBoundingClientRect();
      return bottom > 0 && top < innerHeight;
    });
  }

  async function until(isTrue) {
    while (!isTrue()) {
      if (performance.now() > GIVE_UP_MS) throw new Error(`painted were only ${painted.size} pictures`);
      await new Promise((resolve) => requestAnimationFrame(resolve));
    }
  }

  /** Scroll on by a screen as soon as every picture on the screen is painted. Resolves to the times of the paints. */
  globalThis.readThrough = async (count) => {
    await until(() => onScreen(count)?.every((tile) => painted.has(tile)));
    const first = onScreen(count);
    for (;;) {
      const before = scrollY;
      scrollBy(0, innerHeight);
      if (scrollY === before) break;
      await until(() => onScreen(count).every((tile) => painted.has(tile)));
    }
    await until(() => painted.size === count);
    const screen = first.map((tile) => painted.get(tile));
    return {
      first_ms: Math.min(...screen),
      screen_ms: Math.max(...screen),
      all_ms: Math.max(...painted.values()),
      on_screen: first.length,
      wrong: failures.length,
    };
  };
})();
