/** Bundles code that imports the client's package and a framework, as the bundler of a page does. */

import { readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { brotliCompressSync } from "node:zlib";

import { build } from "esbuild";
import { compile, compileModule } from "svelte/compiler";
import { compileScript, parse } from "vue/compiler-sfc";

export const CLIENT = fileURLToPath(new URL("../../../js_client/", import.meta.url));
const HERE = fileURLToPath(new URL("..", import.meta.url));
const NAME = "pixstore-asgi-client";
const { exports } = JSON.parse(readFileSync(path.join(CLIENT, "package.json"), "utf8"));

/**
 * The package by its own name, and frameworks as these tests have them installed.
 *
 * @param {boolean} isReact18
 */
const packages = (isReact18) => ({
  name: "packages",
  setup({ onResolve, resolve }) {
    onResolve({ filter: new RegExp(`^${NAME}(/|$)`) }, ({ path: name }) => ({
      path: path.join(CLIENT, exports[`.${name.slice(NAME.length)}`].default),
    }));
    // The files that the site of a page serves beside it.
    onResolve({ filter: /^\/\w+\.js$/ }, ({ path: name }) => ({ path: name, external: true }));
    onResolve({ filter: /^[@a-z]/ }, ({ path: name, kind, resolveDir, importer, pluginData }) => {
      if (pluginData === "resolved") return undefined;
      const isReact = /^react(-dom)?(\/|$)/.test(name) && isReact18;
      const renamed = isReact ? name.replace(/^react(-dom)?/, "$&-18") : name;
      const isOurs = importer.startsWith(CLIENT) || isReact || !importer.includes("node_modules");
      return resolve(renamed, { kind, resolveDir: isOurs ? HERE : resolveDir, importer, pluginData: "resolved" });
    });
  },
});

/** A single-file component as a module. */
function fromVue(text) {
  const { descriptor } = parse(text, { filename: "Example.vue" });
  return compileScript(descriptor, { id: "example", inlineTemplate: true }).content;
}

/** Code out of a document: `docs/page.md?// name.jsx` is the block that begins with this line. */
const documents = {
  name: "documents",
  setup({ onLoad, onResolve }) {
    onResolve({ filter: /\.md\?/ }, ({ path: name }) => ({ path: name, namespace: "document" }));
    onLoad({ filter: /.*/, namespace: "document" }, ({ path: name }) => {
      const [file, head] = name.split("?");
      const code = readFileSync(path.join(CLIENT, "..", file), "utf8").split("```").find((block) => block.split("\n")[1] === head);
      const text = code.slice(code.indexOf("\n", 1) + 1);
      const resolveDir = HERE;
      if (head.includes("<!-- Vue")) return { contents: fromVue(text), resolveDir };
      if (head.includes("<!-- Svelte")) return { contents: compile(text, { filename: "Example.svelte" }).js.code, resolveDir };
      return { contents: text, loader: "tsx", resolveDir };
    });
  },
};

/** @param {"client" | "server"} generate */
const svelte = (generate) => ({
  name: "svelte",
  setup({ onLoad }) {
    const options = (/** @type {string} */ file) => ({ filename: file, generate, dev: false });
    onLoad({ filter: /\.svelte$/ }, ({ path: file }) => ({
      contents: compile(readFileSync(file, "utf8"), options(file)).js.code,
    }));
    onLoad({ filter: /\.svelte\.js$/ }, ({ path: file }) => ({
      contents: compileModule(readFileSync(file, "utf8"), options(file)).js.code,
    }));
  },
});

/**
 * @param {string} entry  a file
 * @param {{outfile: string, server?: boolean, react18?: boolean, production?: boolean}} options
 */
export async function bundle(entry, { outfile, server = false, react18 = false, production = false }) {
  const mode = production ? "production" : "development";
  await build({
    entryPoints: [entry],
    outfile,
    bundle: true,
    format: "esm",
    jsx: "automatic",
    logLevel: "error",
    conditions: ["svelte", mode, ...(server ? ["node"] : ["browser"])],
    platform: server ? "node" : "browser",
    define: {
      "process.env.NODE_ENV": JSON.stringify(mode),
      __VUE_OPTIONS_API__: "false",
      __VUE_PROD_DEVTOOLS__: "false",
      __VUE_PROD_HYDRATION_MISMATCH_DETAILS__: "true",
    },
    banner: server ? { js: 'import { createRequire } from "node:module"; const require = createRequire("/");' } : {},
    plugins: [packages(react18), svelte(server ? "server" : "client"), documents],
  });
}

/**
 * The exports of a file of this folder, bundled.
 *
 * @param {string} name
 * @param {{server?: boolean, react18?: boolean}} [options]
 */
export async function bundled(name, options = {}) {
  const folder = await mkdtemp(path.join(tmpdir(), "pixstore-bundled-"));
  try {
    const outfile = path.join(folder, "bundle.mjs");
    await bundle(fileURLToPath(new URL(name, import.meta.url)), { outfile, ...options });
    return await import(pathToFileURL(outfile).href);
  } finally {
    await rm(folder, { recursive: true });
  }
}

/**
 * How many bytes of brotli an entry has, without its framework and the client, and perhaps without the view.
 *
 * @param {string} name
 * @param {boolean} withView
 */
export async function bundleSize(name, withView) {
  const apart = {
    name: "apart",
    setup({ onResolve }) {
      onResolve({ filter: /.*/ }, ({ path: file, importer, resolveDir }) => {
        if (!importer) return undefined;
        if (!file.startsWith(".")) return { path: file, external: true };
        const source = path.relative(path.join(CLIENT, "src"), path.resolve(resolveDir, file));
        if (source === "index.js") return { path: "./index.js", external: true };
        return source.startsWith("view/") && !withView ? { path: "./view.js", external: true } : undefined;
      });
    },
  };
  const { outputFiles } = await build({
    entryPoints: [path.join(CLIENT, "src", name, "index.js")],
    ...{ bundle: true, format: "esm", target: "es2022", minify: true, write: false, logLevel: "error" },
    plugins: [apart, svelte("client")],
  });
  const { minify } = createRequire(path.join(CLIENT, "build.js"))("terser");
  const options = { module: true, ecma: 2020, compress: { passes: 5, unsafe_arrows: true } };
  return brotliCompressSync(Buffer.from((await minify(outputFiles[0].text, options)).code)).length;
}
