/** The entries for frameworks: how small they are, README's examples, and a newcomer's types. */

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

import { bundleSize, CLIENT } from "./support/bundle.js";

const README = readFileSync(path.join(CLIENT, "README.md"), "utf8");
const example = (head) => new RegExp(`\`\`\`\\w+\\n${head}\\n(.*?)\`\`\``, "s").exec(README)[1];

for (const name of ["react", "vue", "svelte"]) {
  test(`${name} adds at most 1.1 kB of brotli to the client and its view`, async (t) => {
    const [own, withView] = [await bundleSize(name, false), await bundleSize(name, true)];
    t.diagnostic(`${name}: ${own} bytes, ${withView} with the view`);
    assert.ok(own <= 1100, `${own} bytes`);
    assert.ok(withView <= 3600, `${withView} bytes with the view`);
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
  const folder = mkdtempSync(path.join(fileURLToPath(new URL(".", import.meta.url)), "newcomer-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const consumer = path.join(folder, "player.tsx");
  const paths = {
    "pixstore-asgi-client": [path.join(folder, "types/index.d.ts")],
    "pixstore-asgi-client/react": [path.join(folder, "types/react/index.d.ts")],
  };
  const tsc = path.join(CLIENT, "node_modules", ".bin", "tsc");
  const compilerOptions = {
    ...{ noEmit: true, strict: true, exactOptionalPropertyTypes: true, jsx: "react-jsx", paths, types: [] },
    ...{ target: "es2022", module: "esnext", moduleResolution: "bundler", lib: ["es2022", "dom"] },
  };
  writeFileSync(path.join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions, files: ["player.tsx"] }));
  const check = (text) => {
    writeFileSync(consumer, text);
    execFileSync(tsc, ["-p", folder], { encoding: "utf8" });
  };
  // The types as they come with the package.
  execFileSync("npm", ["run", "--silent", "build:types", "--", "--outDir", path.join(folder, "types")], { cwd: CLIENT });
  check(code);
  assert.throws(() => check(code.replace('alt="Ada"', "")), "a picture has a text");
  assert.throws(() => check(code.replace("record={record}", "record={7}")), "and a record");
});
