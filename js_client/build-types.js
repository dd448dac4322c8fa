/** Writes the types that the package's entries need into `types`. `exports` hides all other files and their types. */

import { execFileSync } from "node:child_process";
import { readFileSync, readdirSync, rmSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";

const FOLDER = fileURLToPath(new URL(".", import.meta.url));
const TYPES = path.join(FOLDER, "types");
const { exports } = JSON.parse(readFileSync(path.join(FOLDER, "package.json"), "utf8"));

/** @type {Set<string>} */
const needed = new Set();

/** @param {string} file */
function need(file) {
  if (needed.has(file)) return;
  needed.add(file);
  for (const [, from] of readFileSync(file, "utf8").matchAll(/(?:from |import\()"(\.[^"]+)\.js"/g)) {
    need(path.resolve(path.dirname(file), `${from}.d.ts`));
  }
}

rmSync(TYPES, { recursive: true, force: true });
const options = ["--noEmit", "false", "--declaration", "--emitDeclarationOnly", "--rootDir", "src", "--outDir", TYPES];
execFileSync("tsc", ["-p", ".", ...options], { cwd: FOLDER, stdio: "inherit" });
Object.values(exports).forEach(({ types }) => need(path.join(FOLDER, types)));
for (const name of readdirSync(TYPES, { recursive: true })) {
  const file = path.join(TYPES, String(name));
  if (file.endsWith(".d.ts") && !needed.has(file)) rmSync(file);
}
