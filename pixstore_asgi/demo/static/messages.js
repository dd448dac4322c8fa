/** What the page says besides the cards: errors that stay in sight for a while, and results for screen readers. */

const VISIBLE_MS = 12_000;

/** @param {string} text */
export function say(text) {
  document.querySelector("#status").textContent = text;
}

/** @param {string} text  an error's message, which starts in lower case and has no full stop */
export const sentence = (text) => `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;

/** @param {string} text */
export function complain(text) {
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
