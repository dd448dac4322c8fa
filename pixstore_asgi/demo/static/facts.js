/** What is known of one look for a picture, as the page writes it. */

import { bytes, counted, errorText, ms, seconds } from "./format.js";
import { isAway } from "./measured.js";

/** @import { Measurement } from "./measured.js" */
/** @import { Answer } from "./tap.js" */

const EXPLANATIONS = {
  updated: "The picture is newer than the record: the answer also carried the new version's key.",
  refused:
    "The proof had expired, so the server refused it without asking the store. The client fetched a fresh record and tried again.",
  outdated: "The picture is newer than its sealed record. The server sent no key, and the client fetched a fresh record.",
  refreshed: "The proof was about to expire, so the client fetched a fresh record first.",
  away: "The server was away. The client waited, each time longer, and tried again.",
  gaveUp: "The server was away for too long, so the client gave up.",
  tag: "The body is damaged: its tag does not match. The page neither shows nor caches it.",
};

/**
 * @param {Measurement} measurement
 * @returns {Record<string, string>} text by name
 */
export function factsOf(measurement) {
  const { hit, answers } = measurement;
  return {
    Cache: hit ? `hit, ${hit}` : "miss",
    Proof: proofText(measurement),
    "Wire state": answers.length > 0 ? runs(answers.map(stateText)).join(" → ") : "no request",
    ...(answers.length > 0 && { "Request for": requestText(answers) }),
    Received: bytes(receivedBytes(measurement)),
    Time: ms(measurement.ms),
  };
}

/** @param {Measurement} measurement */
export const receivedBytes = ({ answers }) => answers.reduce((sum, answer) => sum + answer.bytes, 0);

/** @param {Measurement} measurement */
export function explanation({ answers, error, isRefreshed, record, entry }) {
  const last = answers.at(-1);
  if (error?.reason === "tag") return EXPLANATIONS.tag;
  if (error) return last && isAway(last) ? EXPLANATIONS.gaveUp : errorText(error);
  if (answers.some(isAway)) return EXPLANATIONS.away;
  if (isRefreshed && record.meta.sealed && record.token < entry.record.token) return EXPLANATIONS.outdated;
  if (isRefreshed) return isRefused(answers) ? EXPLANATIONS.refused : EXPLANATIONS.refreshed;
  return last?.wire === "Updated" ? EXPLANATIONS.updated : "";
}

/** @param {Measurement} measurement */
function proofText({ hit, answers, isRefreshed, proof }) {
  if (hit) return "not needed";
  const left = `valid for ${seconds(proof.leftMs)}`;
  if (isRefreshed) return `${isRefused(answers) ? "refused" : "expired"}, then ${left}`;
  if (isRefused(answers)) return "refused";
  const age = `${(Math.max(0, proof.ageMs) / 1000).toFixed(1)} s old`;
  return proof.leftMs > 0 ? `${age}, ${left}` : `${age}, expired`;
}

/** @param {Answer[]} answers */
const isRefused = (answers) => answers.some(({ wire }) => wire === "InvalidProof");

/** @param {Answer} answer */
function stateText({ wire, status }) {
  if (wire) return wire;
  return status ? `HTTP ${status}` : "no answer";
}

/** @param {Answer[]} answers */
function requestText(answers) {
  return runs(answers.map(({ together }) => counted(together, "picture"))).join(", then ");
}

/**
 * What comes several times in a row, once, with the number of times.
 *
 * @param {string[]} texts
 */
function runs(texts) {
  const found = [];
  for (const text of texts) {
    if (found.at(-1)?.text === text) found.at(-1).times += 1;
    else found.push({ text, times: 1 });
  }
  return found.map(({ text, times }) => (times > 1 ? `${times} × ${text}` : text));
}
