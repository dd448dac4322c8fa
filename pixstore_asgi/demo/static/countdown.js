/** How much longer a record's proof is good for: a bar that runs out, and a text. */

import { seconds } from "./format.js";

/** @import { Entry } from "./api.js" */

const LONGEST_MS = 40_000; // a proof lives one to two windows of 20 s

const isCalm = matchMedia("(prefers-reduced-motion: reduce)");

/** @param {Entry} entry */
const leftOf = ({ record }) => record.proofExpiresAt - Date.now();

/**
 * Let a bar run out with the proof of an entry; it replaces what ran before.
 *
 * @param {Element} bar
 * @param {Entry} entry
 */
export function runOut(bar, entry) {
  for (const running of bar.getAnimations()) running.cancel();
  const left = Math.min(Math.max(leftOf(entry), 0), LONGEST_MS);
  // Without motion the bar stays as it is until the proof has expired.
  const frames = [{ transform: `scaleX(${left / LONGEST_MS})` }, { transform: "scaleX(0)" }];
  bar.animate(frames, { duration: left, fill: "forwards", easing: isCalm.matches ? "steps(1)" : "linear" });
}

/** @param {Entry} entry */
export function countdown(entry) {
  const left = leftOf(entry);
  if (left > 0) return `Proof expires in ${seconds(left)}`;
  return "Proof expired. The picture stays, because it is already decrypted. The next request needs a fresh record.";
}
