/** The package as a registry would serve it: its files, and that its types resolve. */

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";

import { checkPackage, createPackageFromTarballData } from "@arethetypeswrong/core";
import { publint } from "publint";
import { formatMessage } from "publint/utils";

import { files } from "./support/sources.js";

const CLIENT = fileURLToPath(new URL("../../js_client/", import.meta.url));

let folder;
let tarball;
let packedFiles;

before(() => {
  // In a copy, since packing writes the types beside the sources.
  folder = mkdtempSync(path.join(os.tmpdir(), "pixstore-pack-"));
  for (const name of ["package.json", "build-types.js", "tsconfig.json", "README.md", "LICENSE", "custom-elements.json", "element.d.ts", "src"]) {
    cpSync(path.join(CLIENT, name), path.join(folder, name), { recursive: true });
  }
  symlinkSync(path.join(CLIENT, "node_modules"), path.join(folder, "node_modules"));
  const [{ filename, files: packed }] = JSON.parse(execFileSync("npm", ["pack", "--json", "--silent"], { cwd: folder }));
  packedFiles = packed.map((file) => file.path).sort();
  tarball = readFileSync(path.join(folder, filename));
});

after(() => rmSync(folder, { recursive: true }));

test("the package has its sources, the types of its entries, element manifest, README and licence, and nothing else", () => {
  const types = packedFiles.filter((name) => name.startsWith("types/"));
  assert.ok(types.includes("types/client.d.ts") && !types.includes("types/cache/write.d.ts"));
  const sources = files.map((name) => `src/${name}`);
  assert.deepEqual(packedFiles, ["LICENSE", "README.md", "custom-elements.json", "element.d.ts", "package.json", ...sources, ...types].sort());
});

test("js_client/types equals the types that packing writes, because npm does not pack a linked folder", () => {
  const types = (root) => packedFiles.filter((name) => name.startsWith("types/")).map((name) => [name, readFileSync(path.join(root, name), "utf8")]);
  assert.deepEqual(types(CLIENT), types(folder));
  const committed = readdirSync(path.join(CLIENT, "types"), { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  assert.equal(committed.length, types(folder).length);
});

test("the licence is the project's, and README links to nothing outside of the package", () => {
  const licence = (file) => readFileSync(path.join(CLIENT, file), "utf8");
  assert.equal(licence("LICENSE"), licence("../LICENSE"));
  const readme = readFileSync(path.join(CLIENT, "README.md"), "utf8");
  const targets = [...readme.matchAll(/\]\(([^)\s#]+)[^)]*\)|(?:src|href)="([^"#]+)/g)].map(([, link, other]) => link ?? other);
  const outside = targets.filter((target) => !target.startsWith("https://") && !packedFiles.includes(target));
  assert.deepEqual(outside, []);
});

test("a strict TypeScript project can use the package, and its editor describes each function", () => {
  const consumer = path.join(folder, "consumer.ts");
  cpSync(fileURLToPath(new URL("support/consumer.ts", import.meta.url)), consumer);
  for (const resolution of ["nodenext", "bundler"]) {
    const options = ["--ignoreConfig", "--noEmit", "--strict", "--exactOptionalPropertyTypes", "--target", "es2022"];
    const module = ["--module", resolution === "bundler" ? "es2022" : resolution, "--moduleResolution", resolution];
    execFileSync(path.join(folder, "node_modules", ".bin", "tsc"), [...options, ...module, consumer], { encoding: "utf8" });
  }
  const types = readFileSync(path.join(folder, "types", "index.d.ts"), "utf8");
  assert.deepEqual(types.match(/(?<!\*\/\n)^export (?:declare )?(?:const|function) \w+/gm) ?? [], []);
});

test("each entry has its types under the oldest of TypeScript's resolutions, which knows no `exports`", () => {
  const outer = mkdtempSync(path.join(os.tmpdir(), "pixstore-resolution-"));
  try {
    symlinkSync(fileURLToPath(new URL("node_modules", import.meta.url)), path.join(outer, "node_modules"));
    const project = path.join(outer, "project");
    const installed = path.join(project, "node_modules", "pixstore-asgi-client");
    mkdirSync(path.dirname(installed), { recursive: true });
    cpSync(folder, installed, { recursive: true, filter: (file) => path.basename(file) !== "node_modules" });
    const entries = Object.keys(JSON.parse(readFileSync(path.join(CLIENT, "package.json"), "utf8")).exports);
    const lines = entries.map((entry, index) => `import type * as e${index} from "pixstore-asgi-client${entry.slice(1)}";`);
    writeFileSync(path.join(project, "uses.ts"), `${lines.join("\n")}\nexport type All = [${entries.map((_, index) => `keyof typeof e${index}`)}];\n`);
    const options = ["--ignoreConfig", "--noEmit", "--strict", "--skipLibCheck", "--target", "es2022", "--module", "es2022"];
    const old = ["--moduleResolution", "node10", "--ignoreDeprecations", "6.0", path.join(project, "uses.ts")];
    execFileSync(fileURLToPath(new URL("node_modules/.bin/tsc", import.meta.url)), [...options, ...old], { encoding: "utf8" });
  } finally {
    rmSync(outer, { recursive: true });
  }
});

test("publint has nothing to say", async () => {
  const { messages, pkg } = await publint({ pack: { tarball: new Uint8Array(tarball).buffer }, strict: true });
  assert.deepEqual(messages.map((message) => formatMessage(message, pkg)), []);
});

test("the types resolve wherever the package does", async () => {
  const { types, problems } = await checkPackage(createPackageFromTarballData(new Uint8Array(tarball)));
  assert.equal(types.kind, "included");
  // From a CommonJS file an ES module is imported by import(), as Node does it.
  assert.deepEqual(problems.filter(({ kind }) => kind !== "CJSResolvesToESM"), []);
});
