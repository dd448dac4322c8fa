// Reads [[width, height, RGBA in hexadecimal], …] and prints of each the hash by ThumbHash's own encoder; from hashes in
// hexadecimal the pictures that its decoder makes of them.
import { readFileSync } from "node:fs";
import { rgbaToThumbHash, thumbHashToRGBA } from "thumbhash";

const bytes = (text) => new Uint8Array(Buffer.from(text, "hex"));
const hex = (data) => Buffer.from(data).toString("hex");
const { pictures, hashes } = JSON.parse(readFileSync(0, "utf8"));
console.log(
  JSON.stringify({
    hashes: pictures.map(([width, height, rgba]) => hex(rgbaToThumbHash(width, height, bytes(rgba)))),
    pictures: hashes.map((hash) => {
      const { w, h, rgba } = thumbHashToRGBA(bytes(hash));
      return [w, h, hex(rgba)];
    }),
  }),
);
