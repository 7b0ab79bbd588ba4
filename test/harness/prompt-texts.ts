import { readdir, readFile } from "node:fs/promises";
import type { Random } from "../simulation/random.js";

/** Texts that are made to have as many tokens for their bytes as can be. Short: tokenizers are quadratic on them. */
export const HOSTILE: Readonly<Record<string, (random: Random) => string>> = {
  "random ASCII": (random) => letters(random, 400, () => random.int(32, 126)),
  "random Unicode": (random) =>
    letters(random, 200, () => random.pick([random.int(160, 0xd7ff), random.int(0x1_0000, 0x1_ffff)])),
  "capitals and digits": (random) => letters(random, 400, () => random.pick([random.int(48, 57), random.int(65, 90)])),
  "accented capitals": (random) => letters(random, 200, () => random.pick([random.int(0xc0, 0xde), 32, 0x1e9e])),
  "capitals of many scripts": (random) =>
    letters(random, 200, () => random.pick([random.int(0x23a, 0x24f), random.int(0x391, 0x42f), 0x10a0, 0x2c6f, 32])),
  punctuation: (random) =>
    letters(random, 300, () => random.pick([33, 35, 36, 37, 38, 42, 43, 45, 47, 92, 94, 95, 96, 124, 126])),
  newlines: (random) => letters(random, 300, () => random.pick([9, 10, 13, 32])),
  base64: (random) => bytes(random, 300).toString("base64"),
  hex: (random) => bytes(random, 200).toString("hex"),
  "columns of figures": (random) =>
    Array.from({ length: 60 }, () => `${random.int(0, 99_999)},${random.int(0, 99)}.${random.int(0, 99)}`).join("\n"),
  "rare ideographs": (random) => letters(random, 120, () => random.int(0x2_0000, 0x2_a6df)),
  emoji: (random) => letters(random, 120, () => random.int(0x1_f300, 0x1_f6ff)),
  "letters that normalising takes apart": (random) => "\u{1D160}".repeat(random.int(1, 100)),
  "a rare capital, again and again": (random) => "Ⱥ ".repeat(random.int(1, 200)),
  "one letter, again and again": (random) => "a".repeat(random.int(1, 400)),
  "control characters": (random) => letters(random, 200, () => random.int(0, 31)),
  "words of a tokenizer's own": () => "<|endoftext|><|im_start|>".repeat(10),
};

function letters(random: Random, most: number, code: () => number): string {
  return Array.from({ length: random.int(1, most) }, () => String.fromCodePoint(code())).join("");
}

function bytes(random: Random, most: number): Buffer {
  return Buffer.from(Array.from({ length: random.int(1, most) }, () => random.int(0, 255)));
}

/** Paragraphs of this project: prose, code, JSON, tables. */
export async function naturalTexts(): Promise<readonly string[]> {
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
