import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { countTokens } from "gpt-tokenizer/encoding/o200k_base";
import { firstBound, nextBound, promptBytes } from "../../../core/input-bound.js";
import type { Message } from "../../../core/transcript.js";
import { type ClaudeCount, type ClaudeTokenizer, startClaudeTokenizer } from "../../harness/claude-tokenizer.js";
import { HOSTILE, naturalTexts } from "../../harness/prompt-texts.js";
import { describeWith } from "../../harness/real-part.js";
import { randomFrom, seeds } from "../../simulation/random.js";

/*
 * Bounds of input against real tokenizers (OpenAI's o200k; Claude's two, rebuilt by ctok), on thousands of texts that people
 * write and on texts that are made to break them. Hostile ones are short: tokenizers are quadratic on them, which is why none is
 * on the hot path.
 */

const OPENAI = { factor: 1, hidden: 64 };
/** Without what is hidden (a tool prompt of 1,000 tokens), which would cover for what short texts lack. */
const CLAUDE = { factor: 1.1, hidden: 16 };
/** What a chat adds to each message, and to a request (measured: 4.15 and 3). */
const MESSAGE_TOKENS = 5;
const REQUEST_TOKENS = 3;

const tokensOf = (texts: readonly string[]) =>
  texts.reduce((sum, text) => sum + countTokens(text, { allowedSpecial: "all" }) + MESSAGE_TOKENS, REQUEST_TOKENS);

const user = (text: string): Message => ({ role: "user", text, turn: 1 });

test("no text that people write has more tokens than its bound", async () => {
  const texts = await naturalTexts();
  expect(texts.length).toBeGreaterThan(1_000);
  for (const text of texts) {
    expect(tokensOf([text])).toBeLessThanOrEqual(firstBound(OPENAI, promptBytes([user(text)])));
  }
});

test.each(Object.entries(HOSTILE))("no text of %s has more tokens than its bound", (_, make) => {
  const random = randomFrom(seeds(1)[0] ?? 0);
  for (let index = 0; index < 100; index += 1) {
    const text = make(random);
    const bound = firstBound(OPENAI, promptBytes([user(text)]));
    if (tokensOf([text]) > bound)
      throw new Error(`${tokensOf([text])} tokens, at most ${bound}: ${JSON.stringify(text)}`);
  }
});

test("from the second call on the bound is what was counted and the bytes of what is new, and never below the truth", async () => {
  const texts = await naturalTexts();
  const random = randomFrom(seeds(1)[0] ?? 0);
  const ratios: number[] = [];
  for (let run = 0; run < 30; run += 1) {
    const conversation: string[] = [random.pick(texts)];
    let counted = tokensOf(conversation);
    for (let turn = 2; turn <= 16; turn += 1) {
      const [answer, result] = [
        random.pick(texts),
        Array.from({ length: random.int(1, 8) }, () => random.pick(texts)).join("\n\n"),
      ];
      const answered = countTokens(answer);
      conversation.push(answer, result);
      // The answer was counted when it was given: new are the result and the frame of both.
      const bound = nextBound(OPENAI, counted + answered, promptBytes([user(result)]), 1);
      counted = tokensOf(conversation);
      expect(counted).toBeLessThanOrEqual(bound);
      ratios.push(bound / counted);
    }
  }
  const median = ratios.sort((a, b) => a - b)[Math.floor(ratios.length / 2)] ?? 0;
  expect(median).toBeLessThan(1.5);
});

describeWith("ctok", (program) => {
  let tokenizer: ClaudeTokenizer;
  beforeAll(() => {
    tokenizer = startClaudeTokenizer(program);
  });
  afterAll(async () => await tokenizer.stop());

  /** Bound ÷ count of each text; a text above its bound is an error that shows it. */
  async function ratiosOf(texts: readonly string[], pick: keyof ClaudeCount): Promise<number[]> {
    const counts = await tokenizer.count(texts);
    return texts.map((text, index) => {
      const tokens = counts[index]?.[pick] ?? Number.POSITIVE_INFINITY;
      const bound = firstBound(CLAUDE, promptBytes([user(text)]));
      if (tokens > bound) throw new Error(`${tokens} tokens, at most ${bound}: ${JSON.stringify(text)}`);
      return bound / tokens;
    });
  }

  describe.each(["older", "newer"] as const)("Claude's %s tokenizer", (pick) => {
    test("has no more tokens than the bound for what people write", async () => {
      const ratios = await ratiosOf(await naturalTexts(), pick);
      expect(ratios.length).toBeGreaterThan(1_000);
    });

    test.each(Object.entries(HOSTILE))("nor for %s", async (_, make) => {
      const random = randomFrom(seeds(1)[0] ?? 0);
      await ratiosOf(
        Array.from({ length: 100 }, () => make(random)),
        pick,
      );
    });
  });
});
