import { expect, test } from "@jest/globals";
import { inMarkdown } from "../../core/markdown.js";

test.each([
  ["Run noop?", "Run noop?"],
  ["![x](https://evil.example/?q=1)", "\\!\\[x\\](https://evil.example/?q=1)"],
  ["[approve](https://evil.example)", "\\[approve\\](https://evil.example)"],
  ["<img src=x onerror=alert(1)>", "\\<img src=x onerror=alert(1)\\>"],
  ["a\n\n# b | c", "a \\# b \\| c"],
  ["`code` **bold** \\", "\\`code\\` \\*\\*bold\\*\\* \\\\"],
  ["abc\u202ecba\u2028\u0000", "abc cba"],
])("%j means nothing in Markdown", (text, expected) => {
  expect(inMarkdown(text)).toBe(expected);
});
