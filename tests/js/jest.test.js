/** Jest runs CommonJS: the package works there once it is transformed, with the settings that README names. */

import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import vm from "node:vm";

import { files } from "./support/sources.js";

const README = readFileSync(new URL("../../js_client/README.md", import.meta.url), "utf8");
const SOURCES = fileURLToPath(new URL("../../js_client/src/", import.meta.url));
const require = createRequire(import.meta.url);

/** The file of a package in the folders that npm and pnpm install. */
const installed = (name, file) =>
  ["", `.pnpm/${name}@0.1.0_react@19.3.1/node_modules/`].map((folder) => `/app/node_modules/${folder}${name}/${file}`);

test("next/jest with the setting of README transforms all files of the package to CommonJS that runs", async (t) => {
  const dir = mkdtempSync(path.join(tmpdir(), "pixstore-jest-"));
  t.after(() => rmSync(dir, { recursive: true }));
  const [setting] = README.match(/transpilePackages: \["pixstore-asgi-client"\]/);
  mkdirSync(path.join(dir, "app"));
  writeFileSync(path.join(dir, "package.json"), "{}");
  writeFileSync(path.join(dir, "next.config.js"), `module.exports = { ${setting} };`);
  const config = await require("next/jest.js")({ dir })({ testEnvironment: "jsdom" })();
  const isIgnored = (file) => config.transformIgnorePatterns.some((pattern) => new RegExp(pattern).test(file));
  for (const name of files) for (const file of installed("pixstore-asgi-client", `src/${name}`)) assert.ok(!isIgnored(file), file);

  const [[, [transformer, options]]] = Object.entries(config.transform).filter(([pattern]) => new RegExp(pattern).test("a.js"));
  const { process: transform } = require(transformer).createTransformer(options);
  const modules = new Map();
  const load = (file) => {
    if (!modules.has(file)) {
      const module = { exports: {} };
      modules.set(file, module);
      const { code } = transform(readFileSync(file, "utf8"), file, { config });
      const run = vm.compileFunction(code, ["module", "exports", "require", "__filename"], { filename: file });
      run(module, module.exports, (name) => (name.startsWith(".") ? load(path.resolve(file, "..", name)) : require(name)), file);
    }
    return modules.get(file).exports;
  };
  for (const name of files.filter((file) => file.endsWith(".js") && !/^(pixstore-worker|service-worker|svelte)/.test(file))) load(path.join(SOURCES, name));
  const { createTestClient } = load(path.join(SOURCES, "testing/index.js"));
  const client = createTestClient();
  assert.equal((await client.getImage(client.addImage("players:ada"))).type, "image/png");
});

test("the pattern of README lets Jest transform the package and no other one, under npm and pnpm", () => {
  const [, pattern] = README.match(/transformIgnorePatterns: \[(".*?")\]/);
  const ignored = new RegExp(JSON.parse(pattern));
  for (const file of installed("pixstore-asgi-client", "src/index.js")) assert.doesNotMatch(file, ignored);
  for (const file of installed("react", "index.js")) assert.match(file, ignored);
});
