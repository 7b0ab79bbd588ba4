import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { NONE_SEEN, remember, seen } from "../../core/dedupe.js";
import { digestOf } from "../../core/digest.js";

const REMEMBERED = 20_000;

test("an id is seen once it was remembered, and only then", () => {
  fc.assert(
    fc.property(
      fc.uniqueArray(fc.string({ unit: "binary" }), { minLength: 1, maxLength: 30 }),
      ([first = "", ...ids]) => {
        const remembered = ids.reduce(remember, NONE_SEEN);
        expect(ids.every((id) => seen(remembered, id))).toBe(true);
        expect(seen(remembered, first)).toBe(false);
        expect(seen(remember(remembered, first), first)).toBe(true);
      },
    ),
  );
});

test("beyond 20,000 ids the oldest is forgotten, and the memory grows no more", () => {
  let ids = NONE_SEEN;
  for (let count = 0; count < REMEMBERED + 5; count += 1) ids = remember(ids, `id-${count}`);
  expect([0, 4, 5, REMEMBERED + 4].map((count) => seen(ids, `id-${count}`))).toEqual([false, false, true, true]);
  expect(seen(ids, `id-${REMEMBERED + 5}`)).toBe(false);
  expect(JSON.stringify(ids).length).toBeLessThan(REMEMBERED * 8 + 20);
});

test("no two of 200,000 ids are taken for each other", () => {
  const hashes = Array.from({ length: 200_000 }, (_, count) => remember(NONE_SEEN, `order-${count}`).hashes);
  expect(new Set(hashes).size).toBe(hashes.length);
  expect(hashes.every((hash) => /^[\w-]{8}$/.test(hash))).toBe(true);
});

test("a hash is the first 48 bits of the id's digest, as base 64", () => {
  const bits = Buffer.from(digestOf("order-1").slice("sha256:".length), "hex").subarray(0, 6);
  const base64 = bits.toString("base64");
  const ours = [...remember(NONE_SEEN, "order-1").hashes].join("");
  expect(ours.replaceAll("-", "+").replaceAll("_", "/")).toBe(base64);
});

test("a hash that only stands across two others is not seen", () => {
  const hash = remember(NONE_SEEN, "order-1").hashes;
  const across = { hashes: `xxxx${hash}yyyy` };
  expect(seen(across, "order-1")).toBe(false);
  expect(seen({ hashes: `${across.hashes}${hash}` }, "order-1")).toBe(true);
});

test("what was seen survives being carried as JSON", () => {
  const ids = remember(remember(NONE_SEEN, "a"), "b");
  expect(seen(JSON.parse(JSON.stringify(ids)), "a")).toBe(true);
});
