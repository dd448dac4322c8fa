/** Placeholders: the picture that a ThumbHash's author sees in it, and its PNG. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { inflateSync } from "node:zlib";

import { thumbHashToRGBA } from "thumbhash";

import { pixelsOf, placeholderUrl, rgbaOf } from "../../js_client/src/view/placeholder.js";

const LANDSCAPE = "1QcSHQRnh493V4dIh4eXh1h4kJUI";
const bytesOf = (base64) => Uint8Array.from(Buffer.from(base64, "base64"));

test("a placeholder's pixels are those that the format's author decodes", () => {
  const author = thumbHashToRGBA(bytesOf(LANDSCAPE));
  const rgba = new Uint8ClampedArray(rgbaOf(LANDSCAPE, author.w, author.h));
  const differences = author.rgba.map((value, index) => Math.abs(value - rgba[index]));
  assert.ok(Math.max(...differences) <= 2, `${Math.max(...differences)}`);
});

test("a placeholder has the picture's proportions, and few pixels, which browsers make more of", () => {
  const sizeAt = (ratio) => (({ width, height }) => [width, height])(pixelsOf(LANDSCAPE, ratio));
  assert.deepEqual([1.6, 1, 0.5, 100].map(sizeAt), [[16, 10], [16, 16], [8, 16], [16, 1]]);
});

test("a placeholder's URL is a PNG of these pixels", () => {
  const url = placeholderUrl({ placeholder: LANDSCAPE, width: 600, height: 400 });
  const png = Buffer.from(url.slice("data:image/png;base64,".length), "base64");
  const { width, height, rgba } = pixelsOf(LANDSCAPE, 1.5);
  assert.equal(png.subarray(0, 8).toString("hex"), "89504e470d0a1a0a");
  assert.deepEqual([png.readUInt32BE(16), png.readUInt32BE(20)], [width, height]);
  const length = png.readUInt32BE(33);
  const rows = inflateSync(png.subarray(41, 41 + length));
  const pixels = Array.from({ length: height }, (_, y) => [...rows.subarray(y * (width * 4 + 1) + 1, (y + 1) * (width * 4 + 1))]);
  assert.deepEqual(pixels.flat(), [...rgba]);
});

for (const placeholder of ["no base64!", "12345", "ä", 5, {}]) {
  test(`a placeholder that is no base64 is transparent, and throws nothing: ${JSON.stringify(placeholder)}`, () => {
    const { width, height, rgba } = pixelsOf(placeholder, 1.5);
    assert.deepEqual([width, height, Math.max(...rgba)], [16, 11, 0]);
    assert.match(placeholderUrl({ placeholder }), /^data:image\/png;base64,/);
  });
}

test("a record without a placeholder has no URL of one", () => {
  assert.equal(placeholderUrl({ width: 3, height: 2 }), undefined);
});

test("a negative width or height throws nothing", () => {
  const url = placeholderUrl({ placeholder: LANDSCAPE, width: 600, height: 400 });
  assert.equal(placeholderUrl({ placeholder: LANDSCAPE, width: -600, height: 400 }), url);
});
