/** Bundles the page's script for React into the file that is its argument, as an application's bundler would. */

import { fileURLToPath } from "node:url";

import { bundle } from "../../tests/js/support/bundle.js";

const entry = fileURLToPath(new URL("page/ways/react.js", import.meta.url));
await bundle(entry, { outfile: process.argv[2], production: true });
