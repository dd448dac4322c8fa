/** What the acceptance list asks of a page, by what its components show. */

/** @param {Map<string, {error: Error, retry: () => void}>} failures  by key */
export const stateOf = (failures) => ({
  state: (key) => document.getElementById(key).querySelector("img")?.dataset.status ?? "error",
  error: (key) => failures.get(key)?.error.name ?? null,
  retry: (key) => failures.get(key).retry(),
});
