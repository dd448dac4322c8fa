/** The client's source files by their paths below `src`, and the imports of each. */

import { readdirSync, readFileSync } from "node:fs";
import { posix } from "node:path";

export const SOURCES = new URL("../../../js_client/src/", import.meta.url);

export const files = readdirSync(SOURCES, { recursive: true }).filter((name) => /\.(js|svelte)$/.test(name)).sort();

/** @param {string} file */
export const textOf = (file) => readFileSync(new URL(file, SOURCES), "utf8");

const IMPORT = /^ *(?:import|export) .*? from "([^"]+)";$/gms;
/** An import of a file that is loaded on demand. */
const DEMAND = /\bimport\("([^"]+)"\)\.then/g;
const TYPE_IMPORT = /@import .*? from "([^"]+)"|import\("([^"]+)"\)/g;

/** A framework, in the room that is named after it. */
const isOwnFramework = (file, path) =>
  ["react", "svelte", "vue"].some((name) => file.startsWith(`${name}/`) && `${path}/`.startsWith(`${name}/`));

/** Paths as they are written, but for a framework in its own room. */
export const importsOf = (file) =>
  [IMPORT, DEMAND].flatMap((form) => [...textOf(file).matchAll(form)]).map(([, path]) => path).filter((path) => !isOwnFramework(file, path));

/** The same for types, which are not part of the running code. */
export const typeImportsOf = (file) =>
  [...textOf(file).matchAll(TYPE_IMPORT)]
    .map(([, path, other]) => path ?? other)
    .filter((path) => !isOwnFramework(file, path));

/** The file that `path` means in `file`. */
export const resolve = (file, path) => posix.join(posix.dirname(file), path);
