/** Files that are dropped anywhere on the page, or chosen with its button. */

/**
 * @param {HTMLInputElement} input
 * @param {(files: File[]) => void} onFiles
 */
export function acceptFiles(input, onFiles) {
  const page = document.documentElement;
  input.addEventListener("change", () => {
    onFiles([...input.files]);
    input.value = ""; // the same file can be chosen again
  });
  page.addEventListener("dragover", (event) => {
    event.preventDefault(); // else the file would replace the page
    if (event.dataTransfer.types.includes("Files")) page.classList.add("is-over");
  });
  page.addEventListener("dragleave", ({ relatedTarget }) => {
    if (!relatedTarget) page.classList.remove("is-over");
  });
  page.addEventListener("drop", (event) => {
    event.preventDefault();
    page.classList.remove("is-over");
    onFiles([...event.dataTransfer.files]);
  });
}
