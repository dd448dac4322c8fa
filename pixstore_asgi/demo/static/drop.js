/** The upload zone: files that are dropped on it, or chosen with its button. */

/**
 * @param {HTMLElement} zone
 * @param {HTMLInputElement} input
 * @param {(files: File[]) => void} onFiles
 */
export function acceptFiles(zone, input, onFiles) {
  input.addEventListener("change", () => {
    onFiles([...input.files]);
    input.value = ""; // the same file can be chosen again
  });
  for (const type of ["dragover", "drop"]) {
    // A file that misses the zone must not replace the page.
    document.addEventListener(type, (event) => event.preventDefault());
  }
  zone.addEventListener("dragover", () => zone.classList.add("is-over"));
  zone.addEventListener("dragleave", ({ relatedTarget }) => {
    if (!zone.contains(relatedTarget)) zone.classList.remove("is-over");
  });
  zone.addEventListener("drop", ({ dataTransfer }) => {
    zone.classList.remove("is-over");
    onFiles([...dataTransfer.files]);
  });
}
