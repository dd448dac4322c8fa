/** Scrolls a page as an even hand would: where it is depends on the time alone, not on how many frames it managed. */

const FRAMES_PER_MS = 60 / 1000;

/**
 * Scroll from the top to the end. Resolves to the times of all frames in ms, as `requestAnimationFrame` gives them;
 * `onFrame` is told of each, with how far it is scrolled.
 */
export function scrollThrough(pixelsPerFrame, onFrame) {
  const end = document.documentElement.scrollHeight - innerHeight;
  const times = [];
  return new Promise((resolve) => {
    const step = (now) => {
      times.push(now);
      const y = Math.min(end, Math.round((now - times[0]) * FRAMES_PER_MS * pixelsPerFrame));
      scrollTo(0, y);
      onFrame(y, now);
      if (y < end) requestAnimationFrame(step);
      else resolve(times);
    };
    requestAnimationFrame(step);
  });
}
