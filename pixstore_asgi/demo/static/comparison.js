/** What became of a file's metadata: the file as it was dropped beside the picture as it is stored. */

import { bytes } from "./format.js";

/** @import { Fact } from "./exif.js" */
/** @import { Uploaded } from "./uploads.js" */

const MOST_NAMED = 4;

/** @typedef {Fact & {isKept: boolean}} Compared */

/**
 * @param {Fact[]} before
 * @param {Fact[]} after
 * @returns {Compared[]} what there was, and what has come anew
 */
export function compared(before, after) {
  const isIn = (facts, { name, value }) => facts.some((fact) => fact.name === name && fact.value === value);
  const were = before.map((fact) => ({ ...fact, isKept: isIn(after, fact) }));
  return [...were, ...after.filter((fact) => !isIn(before, fact)).map((fact) => ({ ...fact, isKept: true }))];
}

/**
 * The short form, as it stands beside the upload.
 *
 * @param {Pick<Uploaded, "facts" | "strips" | "removedBytes">} uploaded
 */
export function summary({ facts, strips, removedBytes }) {
  const names = [...new Set(facts.filter(isTelling).map(({ name }) => inSentence(name)))];
  const more = names.length > MOST_NAMED ? [`${names.length - MOST_NAMED + 1} more`] : [];
  const named = more.length > 0 ? [...names.slice(0, MOST_NAMED - 1), ...more] : names;
  if (strips && removedBytes > 0) named.push(bytes(removedBytes));
  if (names.length === 0) return strips && removedBytes > 0 ? `Removed: ${bytes(removedBytes)}` : "No metadata in it";
  return `${strips ? "Removed" : "Kept"}: ${named.join(", ")}`;
}

/** @param {Pick<Uploaded, "facts" | "strips">} uploaded  two words for the gallery */
export function badge({ facts, strips }) {
  if (!facts.some(isTelling)) return "";
  const what = facts.some(({ name }) => name.startsWith("GPS")) ? "GPS" : "Metadata";
  return `${what} ${strips ? "removed" : "kept"}`;
}

/** Whether a fact tells of more than how the picture is to be held. */
const isTelling = ({ name }) => name !== "Orientation";

/** @param {string} name */
const inSentence = (name) => (/^[A-Z][a-z]/.test(name) ? name.charAt(0).toLowerCase() + name.slice(1) : name);
