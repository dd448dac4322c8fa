/** Answers the questions of the acceptance list by the states of a page's components. */

/** @param {Map<string, {error: Error, retry: () => void}>} failures  by key */
export const stateOf = (failures) => ({
  state: (key) => document.getElementById(key).querySelector("img")?.dataset.status ?? "error",
  error: (key) => failures.get(key)?.error.name ?? null,
  retry: (key) => failures.get(key).retry(),
});
