import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { jsonProblem } from "../../core/json-check.js";

function nested(depth: number): unknown {
  let value: unknown = "bottom";
  for (let level = 0; level < depth; level += 1) value = level % 2 === 0 ? [value] : { value };
  return value;
}

const cycle: { self?: unknown } = {};
cycle.self = cycle;
const wide: unknown[] = [];
wide.push(...Array.from({ length: 100 }, () => wide));

test.each<[string, unknown]>([
  ["null", null],
  ["a text", "ü😀\ud83d"],
  ["a number", -1.5e300],
  ["a member that is not there", { a: undefined }],
  ["64 levels", nested(64)],
  ["99,999 values in a list", new Array(99_999).fill(1)],
  ["a list with gaps", new Array(50)],
  ["an object without a prototype", Object.assign(Object.create(null), { a: 1 })],
])("%s can be carried", (_, value) => {
  expect(jsonProblem(value)).toBeUndefined();
});

test.each<[string, unknown, RegExp]>([
  ["no number", { a: [Number.NaN] }, /has the number NaN, which JSON cannot carry/],
  ["no end", [Number.NEGATIVE_INFINITY], /has the number -Infinity/],
  ["a big integer", { a: 1n }, /has a bigint, which JSON cannot carry/],
  ["a function", { a: () => 1 }, /has a function/],
  ["a symbol", [Symbol("s")], /has a symbol/],
  ["65 levels", nested(65), /is nested deeper than 64 levels/],
  ["a million levels", nested(1_000_000), /is nested deeper than 64 levels/],
  ["a cycle", cycle, /is nested deeper than 64 levels/],
  ["a cycle that spreads", wide, /is nested deeper than 64 levels|has more than 100000 values/],
  ["too many values", new Array(100_001).fill(1), /has more than 100000 values/],
  ["too many values in all", new Array(1_000).fill(new Array(200).fill(1)), /has more than 100000 values/],
  ["a list with gaps without end", new Array(4_294_967_295), /has more than 100000 values/],
])("%s cannot be carried, and the problem says why", (_, value, problem) => {
  expect(jsonProblem(value)).toMatch(problem);
});

test("what JSON gives is what it takes", () => {
  fc.assert(fc.property(fc.jsonValue({ maxDepth: 10 }), (value) => expect(jsonProblem(value)).toBeUndefined()));
});

test("whatever the value: an answer, and never an error", () => {
  const anything = fc.anything({
    withBigInt: true,
    withMap: true,
    withSet: true,
    withSparseArray: true,
    withNullPrototype: true,
  });
  fc.assert(
    fc.property(anything, (value) => {
      const problem = jsonProblem(value);
      if (problem === undefined) expect(() => JSON.stringify(value)).not.toThrow();
      else expect(problem).toMatch(/^(has|is nested)/);
    }),
  );
});
