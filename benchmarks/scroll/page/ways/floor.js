/** The least that shows encrypted pictures: fetch, decrypt and show those near the screen, and store nothing. */

import { IMAGES } from "/browser/contestants.js";
import { fetchPlainly } from "/browser/floor.js";

import { showNear } from "./near.js";

export const show = (main, records, size) => showNear(main, records, size, (record) => fetchPlainly(IMAGES, record));
