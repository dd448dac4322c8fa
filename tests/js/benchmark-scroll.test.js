/** The meters of the scroll benchmark: frames, tiles on the screen, and pictures that are there when somebody could see them. */

import assert from "node:assert/strict";
import { afterEach, test } from "node:test";

import { summaryOf } from "../../benchmarks/scroll/page/frames.js";
import { HEIGHT, onScreen } from "../../benchmarks/scroll/page/grid.js";
import { scrollThrough } from "../../benchmarks/scroll/page/scroll.js";
import { watchTiles } from "../../benchmarks/scroll/page/tiles.js";

const SCREEN = { innerHeight: 720, document: { documentElement: { scrollHeight: 2_160 } } };
const FAKED = [...Object.keys(SCREEN), "requestAnimationFrame", "scrollTo"];

afterEach(() => FAKED.forEach((name) => delete globalThis[name]));

/** Let frames come at these times alone; gives how far each has scrolled. */
function fakeFrames(times) {
  const places = [];
  Object.assign(globalThis, SCREEN, {
    requestAnimationFrame: (step) => queueMicrotask(() => times.length && step(times.shift())),
    scrollTo: (_, y) => places.push(y),
  });
  return places;
}

test("a frame that comes late finds the page where it would have been without it, and the last one at the end", async () => {
  const places = fakeFrames([1000, 1100, 1600, 1900]);
  const told = [];
  const times = await scrollThrough(30, (y, now) => told.push([y, now]));
  assert.deepEqual(places, [0, 180, 1080, 1440]);
  assert.deepEqual(times, [1000, 1100, 1600, 1900]);
  assert.deepEqual(
    told,
    places.map((y, index) => [y, times[index]]),
  );
});

test("a frame is late where one was left out before it, and a wait above 50 ms holds the page up", () => {
  const { frames_per_s, late, held_up, longest_wait_ms } = summaryOf([0, 16.7, 33.3, 83.3, 133.4]);
  assert.equal(Math.round(frames_per_s), 30);
  assert.deepEqual([late, held_up], [0.5, 0.25]);
  assert.equal(longest_wait_ms.toFixed(1), "50.1");
});

test("tiles of which a pixel is on the screen are on it, and no others", () => {
  globalThis.innerHeight = 4 * HEIGHT;
  const tiles = Array.from({ length: 60 }, (_, number) => number);
  assert.deepEqual(onScreen(tiles, 0), tiles.slice(0, 20));
  assert.deepEqual(onScreen(tiles, 1), tiles.slice(0, 25));
  assert.deepEqual(onScreen(tiles, HEIGHT), tiles.slice(5, 25));
  assert.deepEqual(onScreen(tiles, 8 * HEIGHT), tiles.slice(40));
});

test("a picture is waited for from when its tile came, or until its tile went without it", () => {
  const there = new Set(["early"]);
  const seen = watchTiles((tile) => there.has(tile));
  seen.look(["early", "late", "never"], 100);
  there.add("late");
  seen.look(["early", "late", "never"], 140);
  seen.look(["late", "never"], 180);
  there.add("never");
  assert.deepEqual(seen.stop(), { seen: 3, shown: 4 / 8, wait_ms: (0 + 40 + 80) / 3, unseen: 1 });
});

test("a page without tiles has no pictures to tell of", () => {
  const seen = watchTiles(() => true);
  seen.look([], 100);
  assert.deepEqual(seen.stop(), {});
});
