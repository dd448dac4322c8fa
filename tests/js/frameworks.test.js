/** The entries for frameworks: how small they are, README's examples, and a newcomer's types. */

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

import { bundleSize as computeBundleSize, CLIENT } from "./support/bundle.js";

const README = readFileSync(path.join(CLIENT, "README.md"), "utf8");
/** The result of bundleSize, computed once for both tests that use it. */
const sizes = new Map();
const bundleSize = (name, withView) => {
  const key = `${name} ${withView}`;
  if (!sizes.has(key)) sizes.set(key, computeBundleSize(name, withView));
  return sizes.get(key);
};
const example = (head) => new RegExp(`\`\`\`\\w+\\n${head}\\n(.*?)\`\`\``, "s").exec(README)[1];

for (const name of ["react", "vue", "svelte"]) {
  test(`${name} adds at most 1.1 kB of brotli to the client and its view`, async (t) => {
    const [own, withView] = [await bundleSize(name, false), await bundleSize(name, true)];
    t.diagnostic(`${name}: ${own} bytes, ${withView} with the view`);
    assert.ok(own <= 1100, `${own} bytes`);
    assert.ok(withView <= 3800, `${withView} bytes with the view`);
  });
}

test("README's table has the built sizes, rounded up to a tenth of a kilobyte", async () => {
  const [, table] = README.split("| file of a mount | entry of the package | kB of brotli |\n");
  const rows = table.split("\n\n")[0].split("\n").slice(1).map((row) => row.split("|").slice(1, 4));
  const built = readdirSync(path.join(CLIENT, "dist")).filter((name) => name.endsWith(".js"));
  assert.deepEqual(rows.map(([file]) => /`(.*?)`/.exec(file)?.[1]).filter(Boolean).sort(), built.sort());
  for (const [file, entry, told] of rows) {
    const name = /`(.*?)`/.exec(file)?.[1];
    const size = name ? statSync(path.join(CLIENT, "dist", `${name}.br`)).size : await bundleSize(/\/(\w+)`/.exec(entry)[1], true);
    assert.equal(Number(told), Math.ceil(size / 100) / 10, `${name ?? entry}: ${size} bytes`);
  }
});

test("a newcomer's component in React and TypeScript, as README has it, is less than ten lines and strictly typed", (t) => {
  const code = example("// React");
  assert.ok(code.trim().split("\n").length < 10);
  const folder = mkdtempSync(path.join(os.tmpdir(), "pixstore-newcomer-"));
  t.after(() => rmSync(folder, { recursive: true }));
  symlinkSync(fileURLToPath(new URL("node_modules", import.meta.url)), path.join(folder, "node_modules"));
  const paths = {
    "pixstore-asgi-client": [path.join(CLIENT, "types/index.d.ts")],
    "pixstore-asgi-client/react": [path.join(CLIENT, "types/react/index.d.ts")],
  };
  const compilerOptions = {
    ...{ noEmit: true, strict: true, exactOptionalPropertyTypes: true, jsx: "react-jsx", paths, types: [] },
    ...{ target: "es2022", module: "esnext", moduleResolution: "bundler", lib: ["es2022", "dom"] },
  };
  const files = {
    "player.tsx": code,
    "no-text.tsx": code.replace('alt="Ada"', ""),
    "no-record.tsx": code.replace("record={record}", "record={7}"),
  };
  for (const [name, text] of Object.entries(files)) writeFileSync(path.join(folder, name), text);
  writeFileSync(path.join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions, files: Object.keys(files) }));
  const tsc = path.join(CLIENT, "node_modules", ".bin", "tsc");
  const { stdout } = spawnSync(tsc, ["-p", folder, "--pretty", "false"], { encoding: "utf8" });
  const wrong = [...stdout.matchAll(/^\S*?([\w-]+\.tsx)\(/gm)].map(([, name]) => name);
  assert.deepEqual([...new Set(wrong)].sort(), ["no-record.tsx", "no-text.tsx"], stdout);
});
