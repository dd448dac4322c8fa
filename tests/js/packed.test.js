/** The package as a registry would serve it: what is in it, and that its types resolve. */

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from "node:fs";
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
  for (const name of ["package.json", "tsconfig.json", "README.md", "LICENSE", "custom-elements.json", "element.d.ts", "src"]) {
    cpSync(path.join(CLIENT, name), path.join(folder, name), { recursive: true });
  }
  symlinkSync(path.join(CLIENT, "node_modules"), path.join(folder, "node_modules"));
  const [{ filename, files: packed }] = JSON.parse(execFileSync("npm", ["pack", "--json", "--silent"], { cwd: folder }));
  packedFiles = packed.map((file) => file.path).sort();
  tarball = readFileSync(path.join(folder, filename));
});

after(() => rmSync(folder, { recursive: true }));

test("the package has its sources, their types, what is said of its element, README and licence, and nothing else", () => {
  const typed = files.filter((name) => name.endsWith(".js"));
  const types = typed.map((name) => `types/${name.replace(/js$/, "d.ts")}`);
  const sources = files.map((name) => `src/${name}`);
  assert.deepEqual(packedFiles, ["LICENSE", "README.md", "custom-elements.json", "element.d.ts", "package.json", ...sources, ...types].sort());
});

test("the licence is the project's, and README links to nothing outside of the package", () => {
  const licence = (file) => readFileSync(path.join(CLIENT, file), "utf8");
  assert.equal(licence("LICENSE"), licence("../LICENSE"));
  const readme = readFileSync(path.join(CLIENT, "README.md"), "utf8");
  const targets = [...readme.matchAll(/\]\(([^)\s#]+)[^)]*\)|(?:src|href)="([^"#]+)/g)].map(([, link, other]) => link ?? other);
  const outside = targets.filter((target) => !target.startsWith("https://") && !packedFiles.includes(target));
  assert.deepEqual(outside, []);
});

test("a strict TypeScript project can use what is there, and its editor has a word on each function", () => {
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

test("publint has nothing to say", async () => {
  const { messages, pkg } = await publint({ pack: { tarball: new Uint8Array(tarball).buffer }, strict: true });
  assert.deepEqual(messages.map((message) => formatMessage(message, pkg)), []);
});

test("the types resolve wherever the package does", async () => {
  const { types, problems } = await checkPackage(createPackageFromTarballData(new Uint8Array(tarball)));
  assert.equal(types.kind, "included");
  // From a CommonJS file an ES module is imported by import(), as Node does it. The oldest of TypeScript's resolutions,
  // which TypeScript 7 has no more, knows no `exports`, and so the first entry alone.
  const isOld = ({ kind, resolutionKind, entrypoint }) => kind === "NoResolution" && resolutionKind === "node10" && entrypoint !== ".";
  const wrong = problems.filter((problem) => problem.kind !== "CJSResolvesToESM" && !isOld(problem));
  assert.deepEqual(wrong, []);
});
