import { createHash } from "node:crypto";
import { isDeepStrictEqual } from "node:util";
import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { addressOf, canonicalJson, digestOf, utf8Bytes } from "../../core/digest.js";

const A = "\ud83d";

test.each<[string, unknown, string]>([
  ["members in the order of their names", { b: 1, a: { d: 2, c: [3] } }, '{"a":{"c":[3],"d":2},"b":1}'],
  ["names by UTF-16 units", { "\uffff": 1, "😀": 2, Z: 3, a: 4 }, '{"Z":3,"a":4,"😀":2,"\uffff":1}'],
  ["names like numbers by their text", { 10: 1, 9: 2, "": 3 }, '{"":3,"10":1,"9":2}'],
  ["no spaces but those in texts", { " a ": [" "] }, '{" a ":[" "]}'],
  ["nothing for what is not there", { a: undefined, b: null }, '{"b":null}'],
  ["null for what is not there in a list", [undefined, 1, null], "[null,1,null]"],
  ["null for a gap in a list", Object.assign(new Array(2), { 1: 5 }), "[null,5]"],
  ["one zero", [0, -0], "[0,0]"],
  ["numbers as JavaScript has them", [1e21, 1e-7, 0.1, 100], "[1e+21,1e-7,0.1,100]"],
  ["null for what is no number", [Number.NaN, Number.POSITIVE_INFINITY], "[null,null]"],
  ["control characters and quotes escaped", '\u0001"\\\n', '"\\u0001\\"\\\\\\n"'],
  ["half a pair escaped", A, '"\\ud83d"'],
  ["a name that objects have", JSON.parse('{"__proto__":1,"a":2}'), '{"__proto__":1,"a":2}'],
  ["nothing at all", undefined, "null"],
])("canonical JSON has %s", (_, value, text) => {
  expect(canonicalJson(value)).toBe(text);
});

/** The same value, its members in another order. */
function shuffled(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(shuffled);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .reverse()
      .map(([key, inner]) => [key, shuffled(inner)]),
  );
}

test("equal values have equal texts, whatever the order of their members", () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      expect(canonicalJson(shuffled(value))).toBe(canonicalJson(value));
    }),
  );
});

test("the text is the value: it reads back as what it was, and writing it again changes nothing", () => {
  fc.assert(
    fc.property(fc.jsonValue({ stringUnit: "binary" }), (value) => {
      const read = JSON.parse(canonicalJson(value)) as unknown;
      expect(read).toEqual(JSON.parse(JSON.stringify(value)));
      expect(canonicalJson(read)).toBe(canonicalJson(value));
    }),
  );
});

test("different values have different digests", () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.jsonValue(), (a, b) => {
      const [first, second] = [a, b].map((value) => JSON.parse(JSON.stringify(value)) as unknown);
      expect(digestOf(a) === digestOf(b)).toBe(isDeepStrictEqual(first, second));
    }),
  );
  expect(new Set([null, "null", [], {}, 0, "0", false, "", [[]], [null], { a: null }].map(digestOf)).size).toBe(11);
});

test("an address is the SHA-256 of the bytes, of a text its UTF-8", () => {
  const sha256 = (content: string | Uint8Array) => `sha256:${createHash("sha256").update(content).digest("hex")}`;
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.string({ unit: "binary" }), (bytes, text) => {
      expect(addressOf(bytes)).toBe(sha256(bytes));
      expect(addressOf(text)).toBe(sha256(text));
    }),
  );
  expect(digestOf({ b: 1, a: 2 })).toBe(sha256('{"a":2,"b":1}'));
});

test("bytes of a text are those of its UTF-8, pairs, halves of pairs and all", () => {
  const units = fc.array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 20 });
  const surrogates = fc.array(fc.integer({ min: 0xd7fe, max: 0xe002 }), { maxLength: 20 });
  fc.assert(
    fc.property(fc.oneof(units, surrogates), (codes) => {
      const text = String.fromCharCode(...codes);
      expect(utf8Bytes(text)).toBe(new TextEncoder().encode(text).length);
    }),
    { numRuns: 1_000 },
  );
});
