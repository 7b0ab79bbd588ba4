import { expect, test } from "@jest/globals";
import { LIMITS, limitsOf } from "../../../adapters/models/limits.js";

test.each([
  ["openai/gpt-5", { contextWindow: 400_000, maxOutputTokens: 128_000, reasoning: true }],
  ["openai/gpt-5-2025-08-07", { contextWindow: 400_000, maxOutputTokens: 128_000, reasoning: true }],
  ["openai/gpt-4o-mini", { contextWindow: 128_000, maxOutputTokens: 16_384, reasoning: false }],
  ["anthropic/claude-haiku-4-5-20251001", { contextWindow: 200_000, maxOutputTokens: 64_000, reasoning: false }],
  ["openai/gpt-7-nova", { reasoning: true }],
  ["openai/o9", { reasoning: true }],
  ["openai/gpt-4.1", { reasoning: false }],
  ["google/gemini-4-argon", { reasoning: true }],
  ["google/gemini-2.0-flash", { reasoning: false }],
  ["openai-compatible/gpt-5", { reasoning: false }],
  ["openai/constructor", { reasoning: false }],
  ["nonsense", { reasoning: false }],
])("the limits of %s are %j", (model, limits) => {
  expect(limitsOf(model)).toEqual(limits);
});

test("every row is sensible: the output fits into the context", () => {
  expect(Object.keys(LIMITS).length).toBeGreaterThan(15);
  for (const [model, [contextWindow, maxOutputTokens]] of Object.entries(LIMITS)) {
    expect([model, maxOutputTokens > 0 && maxOutputTokens < contextWindow]).toEqual([model, true]);
  }
});
