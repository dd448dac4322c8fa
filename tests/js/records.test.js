import assert from "node:assert/strict";
import { test } from "node:test";

import { RecordError } from "../../js_client/src/index.js";
import { parseRecord } from "../../js_client/src/format/records.js";
import { recordOf, seal } from "./support/server.js";

const GOOD = Object.freeze(recordOf("players:abc", { token: 5, ...seal(Buffer.from("image")) }));
const withMeta = (change) => ({ ...GOOD, meta: { ...GOOD.meta, ...change } });

const BAD_IDS = ["", "a/b", "../a", "a:b:c", ":a", "a:", "a b", "ä", "a\n", 7, undefined];
const BAD_VARIANTS = ["~", "~b~c", "~B", "~b:c", "~ä", "~b\n", "~b c", `~${"b".repeat(33)}`].map((end) => `a${end}`);

const cases = {
  shape: [null, undefined, 1, "record", [GOOD], {}, { ...GOOD, meta: null }, { ...GOOD, meta: 1 }],
  id: [...BAD_IDS, ...BAD_VARIANTS, "~b", "a:~b", "a".repeat(65), `a:${"b".repeat(129)}`].map((id) => ({ ...GOOD, id })),
  token: [0, -1, 1.5, 2 ** 53, NaN, "5", true, null, undefined].map((token) => ({ ...GOOD, token })),
  key: [undefined, "", 7, "A".repeat(43), `${"A".repeat(42)}==`, "A".repeat(44), `${"_".repeat(43)}=`].map((key) =>
    withMeta({ key }),
  ),
  iv: ["A".repeat(15), "A".repeat(20), `${"A".repeat(15)} `, "-".repeat(16)].map((iv) => withMeta({ iv })),
  tag: [`${"A".repeat(21)}B==`, `${"A".repeat(22)}`, "A".repeat(24)].map((tag) => withMeta({ tag })),
  proof: ["", "a b", "a\n", "ä", "a".repeat(513), 7, undefined].map((statelessProof) => ({ ...GOOD, statelessProof })),
};

for (const [reason, values] of Object.entries(cases)) {
  test(`a record that is wrong in its ${reason} raises RecordError with that reason`, () => {
    for (const value of values) {
      const isExpected = (error) => error instanceof RecordError && error.reason === reason;
      assert.throws(() => parseRecord(value), isExpected, `${value?.[reason]}`);
    }
  });
}

test("a good record gives its parts as bytes, and unknown fields are ignored", () => {
  const parsed = parseRecord({ ...GOOD, proofExpiresAt: 1, other: {} });
  assert.deepEqual(Object.keys(parsed), ["id", "token", "key", "iv", "tag", "proof", "expiresAt", "copy"]);
  assert.deepEqual([parsed.id, parsed.token, parsed.proof], ["players:abc", 5, "proof"]);
  assert.deepEqual([parsed.expiresAt, parseRecord(GOOD).expiresAt], [1, Infinity]);
  assert.deepEqual([parsed.key.length, parsed.iv.length, parsed.tag.length], [32, 12, 16]);
  assert.equal(Buffer.from(parsed.key).toString("base64"), GOOD.meta.key);
});

test("an id may be that of a variant, and the fields that tell of the picture are left to the page", () => {
  const about = { width: 3, height: 2, placeholder: "1QcSHQRnh493V4dIh4eXh1h4kJUI", variants: { b: { ...GOOD } } };
  const ids = ["a~b", "a:b~c", `${"a".repeat(64)}:${"b".repeat(128)}~${"c".repeat(32)}`, "A_-9:Z_-0~az_-09", "a~-"];
  for (const id of ids) assert.deepEqual(parseRecord({ ...GOOD, ...about, id }), { ...parseRecord(GOOD), id });
});

test("the URL of a copy is http or https, and anything else is none", () => {
  const copyOf = (ciphertextUrl) => parseRecord({ ...GOOD, ciphertextUrl }).copy;
  assert.equal(copyOf("https://cdn.example/a?id=b:c"), "https://cdn.example/a?id=b:c");
  assert.equal(copyOf("HTTP://cdn.example"), "http://cdn.example/");
  const others = ["data:,a", "blob:https://a/b", "java\nscript:a", "ftp://a/b", "https://", "/relative", "", null, 7, {}];
  assert.deepEqual(others.map(copyOf), others.map(() => ""));
});

test("no error of a record shows its key or its proof", () => {
  const { key } = GOOD.meta;
  const values = [withMeta({ key: `${key}=` }), withMeta({ iv: key }), { ...GOOD, statelessProof: "secret proof" }];
  for (const value of values) {
    assert.throws(() => parseRecord(value), ({ message }) => !message.includes(key) && !message.includes("secret"));
  }
});
