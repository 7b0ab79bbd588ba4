import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { addUsage, countFromAbove, NO_USAGE, type Usage, usageFromAbove } from "../../core/usage.js";

const MOST = Number.MAX_SAFE_INTEGER;

test.each([
  [0, 0],
  [-0, 0],
  [7, 7],
  [0.1, 1],
  [-3, 0],
  [-0.5, 0],
  [MOST, MOST],
  [2 ** 60, MOST],
  [Number.POSITIVE_INFINITY, MOST],
  [Number.NEGATIVE_INFINITY, 0],
  [Number.NaN, MOST],
  [undefined as unknown as number, MOST],
])("a count of %p is read as %d", (count, read) => {
  expect(countFromAbove(count)).toBe(read);
});

test("usage adds up by kind", () => {
  const one = { inputTokens: 1, outputTokens: 2, cachedInputTokens: 3, cacheWriteTokens: 4, reasoningTokens: 5 };
  expect(addUsage(one, addUsage(one, NO_USAGE))).toEqual({
    inputTokens: 2,
    outputTokens: 4,
    cachedInputTokens: 6,
    cacheWriteTokens: 8,
    reasoningTokens: 10,
  });
});

test("whatever is counted, sums are whole numbers that JSON carries as they are", () => {
  const count = fc.oneof(fc.nat(), fc.double(), fc.constant(MOST));
  const usage = fc.record({
    inputTokens: count,
    outputTokens: count,
    cachedInputTokens: count,
    cacheWriteTokens: count,
    reasoningTokens: count,
  });
  fc.assert(
    fc.property(usage, usage, (a, b) => {
      for (const sum of [addUsage(a, b), usageFromAbove(a)]) {
        expect(Object.values(sum).filter((total) => !Number.isSafeInteger(total) || total < 0)).toEqual([]);
        expect(JSON.parse(JSON.stringify(sum))).toEqual(sum);
      }
    }),
  );
});

test("counts that are missing are nothing", () => {
  expect(usageFromAbove({ inputTokens: 5, outputTokens: null } as unknown as Usage)).toEqual({
    ...NO_USAGE,
    inputTokens: 5,
  });
});
