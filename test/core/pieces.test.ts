import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { piecesOf } from "../../core/pieces.js";

test.each<[string, number, readonly string[]]>([
  ["", 4, []],
  ["abcd", 4, ["abcd"]],
  ["abcdefghi", 4, ["abcd", "efgh", "i"]],
  ["abc😀def", 4, ["abc", "😀de", "f"]],
  ["😀😀😀", 3, ["😀", "😀", "😀"]],
  ["ab😀", 4, ["ab😀"]],
])("%j in pieces of %d characters is %j", (text, most, pieces) => {
  expect(piecesOf(text, most)).toEqual(pieces);
});

test("stored as UTF-8 one by one and joined, the pieces of a JSON text are the text", () => {
  const value = fc.jsonValue({ stringUnit: "binary" });
  fc.assert(
    fc.property(value, fc.integer({ min: 2, max: 9 }), (state, most) => {
      const text = JSON.stringify(state);
      const utf8 = new TextDecoder("utf-8", { ignoreBOM: true });
      const stored = piecesOf(text, most).map((piece) => new TextEncoder().encode(piece));
      expect(stored.map((bytes) => utf8.decode(bytes)).join("")).toBe(text);
      expect(piecesOf(text, most).every((piece) => piece.length > 0 && piece.length <= most)).toBe(true);
    }),
    { numRuns: 300 },
  );
});
