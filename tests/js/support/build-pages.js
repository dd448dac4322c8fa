/** Builds the acceptance list's page in each framework: `node build-pages.js FOLDER`, as an application's bundler would. */

import { writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";

import { bundle } from "./bundle.js";

const [folder] = process.argv.slice(2);

for (const name of ["react", "vue", "svelte"]) {
  const entry = fileURLToPath(new URL(`frameworks/pages/${name}.js`, import.meta.url));
  await bundle(entry, { outfile: path.join(folder, `${name}.js`), production: true });
  const script = `<script type="module" src="${name}.js"></script>`;
  const html = `<!doctype html>\n<title>${name}</title>\n<script src="/counting.js"></script>\n<main></main>\n${script}\n`;
  writeFileSync(path.join(folder, `${name}.html`), html);
}
