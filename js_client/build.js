/**
 * Builds what a mounted application serves: `npm run build`, and into another folder `npm run build -- FOLDER`. Beside
 * each file stands what browsers take in its place, `.br` and `.gz`, so that no server compresses at run time.
 */

import { mkdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, gzipSync } from "node:zlib";

import { build } from "esbuild";
import { minify } from "terser";

const FOLDER = fileURLToPath(new URL(".", import.meta.url));
const CORE = path.join(FOLDER, "src", "index.js");
const [target = "dist"] = process.argv.slice(2);

/** A page has one client, so its other files import the core as what stands beside them. */
const coreBeside = {
  name: "core-beside",
  setup: ({ onResolve }) =>
    onResolve({ filter: /\/index\.js$/ }, ({ path: name, resolveDir, importer }) =>
      importer && path.resolve(resolveDir, name) === CORE ? { path: "./index.js", external: true } : undefined,
    ),
};

const { outputFiles } = await build({
  absWorkingDir: FOLDER,
  entryPoints: [
    { in: "src/index.js", out: "index" },
    { in: "src/pixstore-worker.js", out: "pixstore-worker" },
    { in: "src/view/index.js", out: "view" },
    { in: "src/image-worker/index.js", out: "image-worker" },
    { in: "src/element/index.js", out: "element" },
  ],
  plugins: [coreBeside],
  bundle: true,
  format: "esm",
  target: "es2022",
  logLevel: "warning",
  outdir: target,
  minifySyntax: true,
  write: false,
});
/** A script that needs no other file, core included: not every browser takes a module for a service worker. */
const worker = await build({
  absWorkingDir: FOLDER,
  entryPoints: [{ in: "src/service-worker/index.js", out: "service-worker" }],
  bundle: true,
  format: "iife",
  define: { "import.meta.url": "location.href" },
  target: "es2022",
  logLevel: "warning",
  outdir: target,
  minifySyntax: true,
  write: false,
});
await mkdir(path.resolve(FOLDER, target), { recursive: true });
for (const { path: file, text } of [...outputFiles, ...worker.outputFiles]) {
  // Once more, by a minifier that looks harder, and a fifth time still finds something: 6 % less. Arrows are unsafe for
  // functions with a prototype only: the client has classes for that. What is inlined with its arguments repeats itself.
  const compress = { passes: 5, unsafe_arrows: true, inline: 1 };
  const { code } = await minify(text, { module: true, ecma: 2020, compress });
  const built = path.resolve(FOLDER, target, path.basename(file));
  const bytes = Buffer.from(`${code}\n`);
  await writeFile(built, bytes);
  await writeFile(`${built}.br`, brotliCompressSync(bytes)); // node's default is the highest quality
  await writeFile(`${built}.gz`, gzipSync(bytes, { level: 9 })); // without a time or a name in its head
}
