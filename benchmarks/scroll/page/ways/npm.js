/** What a careful developer writes around npm's client: pictures near the screen alone, and nothing kept of the others. */

import { load } from "/browser/contestants.js";

import { showNear } from "./near.js";

const CACHED = 1_000; // the package's default

export async function show(main, records, size) {
  const { getImage } = await load("npm", CACHED);
  showNear(main, records, size, getImage);
}
