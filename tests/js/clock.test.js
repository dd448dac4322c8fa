/** The clock by which deletes and downloads are put in order. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { risingTime } from "../../js_client/src/clock.js";

test("the clock rises strictly, also within a millisecond, near the time of day", (t) => {
  t.mock.method(Date, "now", () => 4e12);
  const times = [1, 2, 3, 4].map(() => risingTime());
  assert.ok(times.every((time, index) => index === 0 || time > times[index - 1]));
  assert.ok(Math.abs(times[3] - 4e12) < 1);
});
