/**
 * Notes when each picture of the page is painted, and scrolls as a reader does. Injected before the page's own scripts,
 * so it is not on the line. A picture counts as painted at the first frame after `decode` of its `<img>`, by all ways.
 */

(() => {
  const WIDTH = 320; // of a picture; its placeholder has another width
  const [COLUMNS, ROW] = [3, 100]; // as the pages' style lays them out
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

  /** By arithmetic: a layout in each frame would slow the page down. */
  function onScreen(count, y = scrollY) {
    const [first, end] = [Math.floor(y / ROW), Math.ceil((y + innerHeight) / ROW)];
    return tiles(count)?.slice(first * COLUMNS, end * COLUMNS);
  }

  async function until(isTrue) {
    while (!isTrue()) {
      if (performance.now() > GIVE_UP_MS) throw new Error(`painted were only ${painted.size} pictures`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  /** Scroll on by a screen as soon as every picture on the screen is painted. Resolves to the times of the paints. */
  globalThis.readThrough = async (count) => {
    await until(() => onScreen(count, 0)?.every((tile) => painted.has(tile)));
    const first = onScreen(count, 0);
    const end = document.documentElement.scrollHeight - innerHeight;
    for (let y = 0; y < end;) {
      y = Math.min(end, y + innerHeight);
      scrollTo(0, y);
      await until(() => onScreen(count, y).every((tile) => painted.has(tile)));
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
