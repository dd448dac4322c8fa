/** Server-rendered pages have the places of images, and neither keys nor proofs. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { bundled } from "./support/bundle.js";
import { ON_A_SERVER } from "./support/frameworks/on-a-server.js";
import { createServer } from "./support/server.js";

const PLACEHOLDER = "1QcSHQRnh493V4dIh4eXh1h4kJUI";

for (const [name, rendering] of Object.entries(ON_A_SERVER)) {
  const render = await rendering();
  const secret = createServer().save("players:abc", "picture");
  const thumb = createServer().save("players:abc~thumb", "small");
  const size = { width: 640, height: 480, placeholder: PLACEHOLDER };
  const record = { ...secret, ...size, statelessProof: "the-proof", variants: { thumb } };

  test(`${name}: a server renders placeholder, size and text, without a word that is on the console`, async (t) => {
    const words = ["error", "warn"].map((level) => t.mock.method(console, level));
    for (const props of [{ record }, { id: record.id, ...size }]) {
      const html = await render({ ...props, alt: "Ada" });
      assert.match(html, /^(<!--[^>]*-->)*<img /);
      assert.match(html, / src="data:image\/png;base64,[A-Za-z0-9+/=]+"/);
      assert.match(html, / width="640" height="480"/);
      assert.match(html, / alt="Ada"/);
      assert.match(html, / data-status="loading"/);
    }
    assert.deepEqual(words.flatMap(({ mock }) => mock.calls.map((call) => call.arguments)), []);
  });

  test(`${name}: no key, iv, tag or proof of any size of the image is in the page`, async () => {
    const html = await render({ record, alt: "Ada", width: 160 });
    for (const { meta, statelessProof } of [record, thumb]) {
      for (const word of [meta.key, meta.iv, meta.tag, statelessProof]) assert.ok(!html.includes(word));
    }
  });
}

test("a suspending hook lets a server render the fallback", async () => {
  for (const react18 of [false, true]) {
    const { React, renderToString, useSuspenseImage } = await bundled("frameworks/react-server.js", { server: true, react18 });
    const { createElement: h, Suspense } = React;
    const Picture = () => h("img", { src: useSuspenseImage("players:abc").url });
    assert.match(renderToString(h(Suspense, { fallback: h("p", null, "waiting") }, h(Picture))), /<p>waiting<\/p>/);
    assert.throws(() => renderToString(h(Picture)), { name: "PixstoreError", message: /<Suspense>/ });
  }
});
