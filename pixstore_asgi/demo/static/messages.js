/** What the page says besides the pictures: errors that stay in sight for a while, and results for screen readers. */

import { errorText } from "./format.js";

const VISIBLE_MS = 12_000;

/** @param {string} text */
export function say(text) {
  document.querySelector("#status").textContent = text;
}

/** @param {Error} error */
export const fail = (error) => complain(errorText(error));

/** @param {string} text */
function complain(text) {
  const toast = document.createElement("div");
  toast.className = "toast";
  const message = document.createElement("p");
  message.textContent = text;
  const dismiss = document.createElement("button");
  dismiss.type = "button";
  dismiss.textContent = "Dismiss";
  dismiss.addEventListener("click", () => toast.remove());
  toast.append(message, dismiss);
  document.querySelector("#toasts").append(toast);
  setTimeout(() => toast.remove(), VISIBLE_MS);
}
