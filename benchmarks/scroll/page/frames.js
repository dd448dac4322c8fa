/** How smooth it was: by the times of frames, and by the tasks that held the page up. */

const FRAME_MS = 1000 / 60;
const LONG_MS = 50; // what the Long Tasks API (W3C) calls long

/** Frames a second, the shares of those that came late, and the longest wait for one, by the times of all frames. */
export function summaryOf(times) {
  const waits = times.slice(1).map((time, index) => time - times[index]);
  const shareAbove = (ms) => waits.filter((wait) => wait > ms).length / waits.length;
  return {
    frames_per_s: (waits.length * 1000) / (times.at(-1) - times[0]),
    late: shareAbove(FRAME_MS * 1.5), // at least one was left out
    held_up: shareAbove(LONG_MS),
    longest_wait_ms: Math.max(...waits),
  };
}

/** Start to count long tasks; `take` tells how many there were since the last call, and how long the longest was, in ms. */
export function watchLongTasks() {
  const tasks = [];
  const observer = new PerformanceObserver((list) => tasks.push(...list.getEntries()));
  observer.observe({ type: "longtask" });
  return {
    take() {
      const taken = [...tasks.splice(0), ...observer.takeRecords()];
      return { long_tasks: taken.length, longest_task_ms: Math.max(0, ...taken.map(({ duration }) => duration)) };
    },
  };
}
