import { readdir, readFile } from "node:fs/promises";
import { expect, test } from "@jest/globals";
import { countTokens } from "gpt-tokenizer/encoding/o200k_base";
import { firstBound, jsonBytes, nextBound } from "../../../core/input-bound.js";
import type { Message } from "../../../core/transcript.js";
import { type Random, randomFrom, seeds } from "../../simulation/random.js";

/*
 * The bound of OpenAI's input against their real tokenizer (o200k), on thousands of texts that people write and on texts that
 * are made to break it. Hostile ones are short: the tokenizer is quadratic on them, which is why none is on the hot path.
 */

const OPENAI = { factor: 1, hidden: 64 };
/** What a chat adds to each message, and to a request (measured: 4.15 and 3). */
const MESSAGE_TOKENS = 5;
const REQUEST_TOKENS = 3;

const tokensOf = (texts: readonly string[]) =>
  texts.reduce((sum, text) => sum + countTokens(text, { allowedSpecial: "all" }) + MESSAGE_TOKENS, REQUEST_TOKENS);

const HOSTILE: Readonly<Record<string, (random: Random) => string>> = {
  "random ASCII": (random) => letters(random, 400, () => random.int(32, 126)),
  "random Unicode": (random) =>
    letters(random, 200, () => random.pick([random.int(160, 0xd7ff), random.int(0x1_0000, 0x1_ffff)])),
  "capitals and digits": (random) => letters(random, 400, () => random.pick([random.int(48, 57), random.int(65, 90)])),
  punctuation: (random) =>
    letters(random, 300, () => random.pick([33, 35, 36, 37, 38, 42, 43, 45, 47, 92, 94, 95, 96, 124, 126])),
  newlines: (random) => letters(random, 300, () => random.pick([9, 10, 13, 32])),
  base64: (random) =>
    Buffer.from(
      letters(random, 300, () => random.int(0, 255)),
      "latin1",
    ).toString("base64"),
  hex: (random) =>
    Buffer.from(
      letters(random, 200, () => random.int(0, 255)),
      "latin1",
    ).toString("hex"),
  "columns of figures": (random) =>
    Array.from({ length: 60 }, () => `${random.int(0, 99_999)},${random.int(0, 99)}.${random.int(0, 99)}`).join("\n"),
  "rare ideographs": (random) => letters(random, 120, () => random.int(0x2_0000, 0x2_a6df)),
  emoji: (random) => letters(random, 120, () => random.int(0x1_f300, 0x1_f6ff)),
  "letters that normalising takes apart": (random) => "\u{1D160}".repeat(random.int(1, 100)),
  "a rare capital, again and again": (random) => "Ⱥ ".repeat(random.int(1, 200)),
  "one letter, again and again": (random) => "a".repeat(random.int(1, 400)),
  "control characters": (random) => letters(random, 200, () => random.int(0, 31)),
  "words of the tokenizer's own": () => "<|endoftext|><|im_start|>".repeat(10),
};

function letters(random: Random, most: number, code: () => number): string {
  return Array.from({ length: random.int(1, most) }, () => String.fromCodePoint(code())).join("");
}

/** Paragraphs of this project: prose, code, JSON, tables. */
async function naturalTexts(): Promise<readonly string[]> {
  const folders = ["core", "workflows", "docs", "docs/reference", "docs/decisions", "test/core"];
  const files = await Promise.all(
    folders.map(async (folder) => {
      const names = (await readdir(folder)).filter((name) => /\.(ts|md)$/.test(name));
      return await Promise.all(names.map(async (name) => await readFile(`${folder}/${name}`, "utf8")));
    }),
  );
  return [await readFile("README.md", "utf8"), ...files.flat()]
    .flatMap((text) => text.split("\n\n"))
    .filter((text) => text.trim() !== "");
}

const user = (text: string): Message => ({ role: "user", text, turn: 1 });

test("no text that people write has more tokens than its bound", async () => {
  const texts = await naturalTexts();
  expect(texts.length).toBeGreaterThan(1_000);
  for (const text of texts) {
    expect(tokensOf([text])).toBeLessThanOrEqual(firstBound(OPENAI, jsonBytes([user(text)])));
  }
});

test.each(Object.entries(HOSTILE))("no text of %s has more tokens than its bound", (_, make) => {
  const random = randomFrom(seeds(1)[0] ?? 0);
  for (let index = 0; index < 100; index += 1) {
    const text = make(random);
    const bound = firstBound(OPENAI, jsonBytes([user(text)]));
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
      const bound = nextBound(OPENAI, counted + answered, jsonBytes([user(result)]), 1);
      counted = tokensOf(conversation);
      expect(counted).toBeLessThanOrEqual(bound);
      ratios.push(bound / counted);
    }
  }
  const median = ratios.sort((a, b) => a - b)[Math.floor(ratios.length / 2)] ?? 0;
  expect(median).toBeLessThan(1.5);
});
