import { countTokens } from "gpt-tokenizer/encoding/o200k_base";
import { firstBound, nextBound, promptBytes } from "../core/input-bound.js";
import { naturalTexts } from "../test/harness/prompt-texts.js";
import { median } from "./measure.js";

/* How tight the bound of a call's input is: bound ÷ OpenAI's own count, over conversations of this project's paragraphs. */

const BOUND = { factor: 1, hidden: 64 };
const MESSAGE_TOKENS = 5;
const REQUEST_TOKENS = 3;
const TURNS = 16;

/** Prints the figures of the bound; no server is needed. */
export async function reportBound(): Promise<void> {
  const texts = await naturalTexts();
  const said = (text: string) => ({ role: "user", text, turn: 1 }) as const;
  const first = texts.map((text) => {
    return firstBound(BOUND, promptBytes([said(text)])) / (countTokens(text) + MESSAGE_TOKENS + REQUEST_TOKENS);
  });
  const later: number[] = [];
  for (let run = 0; run + 2 * TURNS <= texts.length; run += 2 * TURNS) {
    let counted = REQUEST_TOKENS + MESSAGE_TOKENS + countTokens(texts[run] ?? "");
    for (let turn = 1; turn < TURNS; turn += 1) {
      const [answer = "", result = ""] = texts.slice(run + 2 * turn, run + 2 * turn + 2);
      const bound = nextBound(BOUND, counted + countTokens(answer), promptBytes([said(result)]), 1);
      counted += countTokens(answer) + countTokens(result) + 2 * MESSAGE_TOKENS;
      later.push(bound / counted);
    }
  }
  console.log("\nbound ÷ tokens of a call's input (OpenAI's tokenizer)");
  console.log(`first call, one paragraph (${first.length}): median ${median(first).toFixed(2)}`);
  console.log(`later calls, from the provider's last count (${later.length}): median ${median(later).toFixed(2)}`);
  const below = [...first, ...later].filter((ratio) => ratio < 1).length;
  console.log(`below the truth: ${below}`);
}
