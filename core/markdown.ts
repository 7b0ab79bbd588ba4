/** What Markdown (CommonMark, GFM tables) makes something of, inside a line. Parentheses are nothing without brackets. */
const MEANING = /[\\`*_[\]<>!|#~]/g;

/**
 * Text from outside as itself inside a line of Markdown: no picture that is loaded from elsewhere, no link that says one thing
 * and leads to another, no HTML, and no end of the line.
 */
export function inMarkdown(text: string): string {
  return text
    .replace(/[\p{Cc}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069]+/gu, " ")
    .replace(MEANING, "\\$&")
    .trim();
}
