import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { checkLimits, countCall, type LimitCounts, openCounts, type RunLimits } from "../../core/limits.js";

const T0 = 1_000_000;

/** Counts after tool calls of these names, each with its own arguments unless they are given. */
function after(...calls: readonly (readonly [name: string, args: unknown])[]): LimitCounts {
  return calls.reduce((counts, [name, args]) => countCall(counts, { name, args }), openCounts(T0));
}

const times = (count: number, name = "a", args: unknown = {}) =>
  Array.from({ length: count }, () => [name, args] as const);

test.each<[string, LimitCounts, RunLimits, number, RegExp | undefined]>([
  ["nothing was done yet", after(), { toolCalls: 0, tokens: 1, sameCall: 1, wallTimeMs: 1 }, T0, undefined],
  ["there are no limits", { ...after(...times(80)), tokens: 1e9 }, {}, T0 + 1e9, undefined],
  ["the last tool call that is allowed", after(...times(3)), { toolCalls: 3 }, T0, undefined],
  ["one tool call too many", after(...times(4)), { toolCalls: 3 }, T0, /^toolCalls: the run may make 3 tool calls$/],
  ["no tool call at all is allowed", after(...times(1)), { toolCalls: 0 }, T0, /^toolCalls: the run may make 0/],
  ["the same call as often as it may be", after(...times(2)), { sameCall: 2 }, T0, undefined],
  ["the same call once too often", after(...times(3)), { sameCall: 2 }, T0, /^sameCall: .* 2 times, and again$/],
  ["50 same calls where 50 are allowed", after(...times(50)), { sameCall: 50 }, T0, undefined],
  ["51 same calls where 50 are allowed", after(...times(51)), { sameCall: 50 }, T0, /^sameCall: .* 50 times/],
  ["the same tool with other arguments", after(["a", { x: 1 }], ["a", { x: 2 }]), { sameCall: 1 }, T0, undefined],
  ["another tool with the same arguments", after(["a", {}], ["b", {}]), { sameCall: 1 }, T0, undefined],
  [
    "the same arguments in another order",
    after(["a", { x: 1, y: 2 }], ["a", { y: 2, x: 1 }]),
    { sameCall: 1 },
    T0,
    /^sameCall/,
  ],
  ["the same call with others between", after(["a", {}], ["b", {}], ["a", {}]), { sameCall: 1 }, T0, /^sameCall/],
  ["the same call of long ago", after(["a", {}], ...times(50, "b"), ["a", {}]), { sameCall: 1 }, T0, undefined],
  [
    "the same call among the 50 before",
    after(["a", {}], ...times(49, "b"), ["a", {}]),
    { sameCall: 1 },
    T0,
    /^sameCall/,
  ],
  ["tokens that are left", { ...after(), tokens: 99 }, { tokens: 100 }, T0, undefined],
  ["tokens that are used up", { ...after(), tokens: 100 }, { tokens: 100 }, T0, /^tokens: 100 of 100 tokens are used$/],
  ["time that is left", after(), { wallTimeMs: 60_000 }, T0 + 59_999, undefined],
  ["time that is over", after(), { wallTimeMs: 60_000 }, T0 + 60_000, /^wallTime: the run may take 1m$/],
])("%s", (_, counts, limits, nowMs, reason) => {
  const over = checkLimits(counts, limits, nowMs);
  if (reason) expect(over?.stopReason).toMatch(reason);
  else expect(over).toBeUndefined();
});

test("however many calls there were, the counts stay small, and survive being carried as JSON", () => {
  const call = fc.record({ name: fc.string(), args: fc.jsonValue() });
  fc.assert(
    fc.property(fc.array(call, { maxLength: 120 }), (calls) => {
      const counts = calls.reduce(countCall, openCounts(T0));
      expect(counts.toolCalls).toBe(calls.length);
      expect(JSON.stringify(counts).length).toBeLessThan(1_200);
      expect(JSON.parse(JSON.stringify(counts))).toEqual(counts);
    }),
  );
});
