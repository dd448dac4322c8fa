/**
 * Builds the files that a mounted application serves, into `dist` (`npm run build`) or another folder (`npm run build
 * -- FOLDER`). Each file also gets a `.br` and a `.gz` variant, so that no server compresses at run time.
 */

import { mkdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, gzipSync } from "node:zlib";

import { build } from "esbuild";
import { minify } from "terser";

const FOLDER = fileURLToPath(new URL(".", import.meta.url));
/** The files in `dist` that other files import and do not bundle, by their sources. */
const BESIDE = new Map([
  [path.join(FOLDER, "src", "index.js"), "./index.js"],
  [path.join(FOLDER, "src", "stored", "index.js"), "./stored.js"],
]);
const [target = "dist"] = process.argv.slice(2);

/** A page has one core, and loads the code of stored pairs on demand. */
const beside = {
  name: "beside",
  setup: ({ onResolve }) =>
    onResolve({ filter: /\/index\.js$/ }, ({ path: name, resolveDir, importer }) => {
      const file = importer && BESIDE.get(path.resolve(resolveDir, name));
      return file ? { path: file, external: true } : undefined;
    }),
};

/** Class fields without a value only declare types, so that the classes of the errors are shorter. */
const WITHOUT_DECLARATIONS = /** @type {const} */ ({
  loader: { ".js": "ts" },
  tsconfigRaw: { compilerOptions: { useDefineForClassFields: false } },
});

/** Brotli compresses statements better than sequences. `pure_getters`: no getter that the client reads has an effect. */
const FOR_BROTLI = { sequences: false, lhs_constants: false, pure_getters: true };

const CORE_NAMES = /^(abortAll|hasWaited|isInTurn|isVoid|learn|mayWorkAlone|pauseMs|sendsAlone|takeAll|trust|voidAll)$/;
/** Properties that only their file uses, so that it may rename them. */
const OWN_NAMES = new Map([
  ["element.js", /^(choose|chosen|end|given|hide|image|isWaiting|show)$/],
  ["index.js", CORE_NAMES],
  ["service-worker.js", CORE_NAMES],
]);

const { outputFiles } = await build({
  absWorkingDir: FOLDER,
  entryPoints: [
    { in: "src/index.js", out: "index" },
    { in: "src/stored/index.js", out: "stored" },
    { in: "src/pixstore-worker.js", out: "pixstore-worker" },
    { in: "src/view/index.js", out: "view" },
    { in: "src/image-worker/index.js", out: "image-worker" },
    { in: "src/element/index.js", out: "element" },
  ],
  plugins: [beside],
  bundle: true,
  format: "esm",
  target: "es2022",
  logLevel: "warning",
  outdir: target,
  minifySyntax: true,
  ...WITHOUT_DECLARATIONS,
  write: false,
});
/** One classic script with the core inside, because not every browser accepts a module as a service worker. */
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
  ...WITHOUT_DECLARATIONS,
  write: false,
});
await mkdir(path.resolve(FOLDER, target), { recursive: true });
for (const { path: file, text } of [...outputFiles, ...worker.outputFiles]) {
  // terser minifies the bundle further, by 6 %; even its eighth pass saves bytes. `unsafe_arrows` breaks only functions
  // that are used as constructors, and the client has classes instead. A higher `inline` repeats code.
  const compress = { passes: 8, unsafe_arrows: true, inline: 1, ...FOR_BROTLI };
  const built = path.resolve(FOLDER, target, path.basename(file));
  const regex = OWN_NAMES.get(path.basename(file));
  const mangle = { properties: regex ? { regex } : false };
  const { code } = await minify(text, { module: true, ecma: 2020, compress, mangle });
  const bytes = Buffer.from(`${code}\n`);
  await writeFile(built, bytes);
  await writeFile(`${built}.br`, brotliCompressSync(bytes)); // node's default is the highest quality
  await writeFile(`${built}.gz`, gzipSync(bytes, { level: 9 })); // its head has no time and no name
}
