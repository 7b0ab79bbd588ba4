/** Tokens that stand for no byte of a text: some tokenizers mark where words begin and end, and capitals. */

/** What a character belongs to; a run of one kind is marked at its beginning and its end. */
type Kind = "word" | "letterlike" | "other" | "none";

/** Marks of a run that is not plain ASCII, and of a capital in it. */
const MARKS_OF_RUN = 2;
const MARKS_OF_CAPITAL = 2;

const LETTER = /^[\p{L}\p{Mn}\p{Mc}]$/u;
/** Numerals and circled letters that are read as words of their own. */
const LETTERLIKE = /^[\p{Nl}\u24B6-\u24E9]$/u;
const CAPITAL = /^[\p{Lu}\p{Lt}]$/u;
const SPACE = /^\s$/;
const CAPITALS = /[A-Z]+/g;
const BEYOND_ASCII = /[^\0-\x7f]/;

/**
 * Marks of a text beyond what a tenth more than its bytes covers: found by trying all characters, and mixes of them, on
 * Claude's tokenizers (docs/decisions/014). Linear, whatever the text.
 */
export function tokenMarks(text: string): number {
  const capitals = text.match(CAPITALS)?.length ?? 0;
  return BEYOND_ASCII.test(text) ? capitals + marksBeyondAscii(text) : capitals;
}

function marksBeyondAscii(text: string): number {
  let marks = 0;
  let run: Kind = "none";
  let isMarked = false;
  for (const character of text) {
    const code = character.codePointAt(0) ?? 0;
    const kind = kindOf(character, code);
    if (kind !== run) isMarked = false;
    run = kind;
    if (code < 0x80) continue;
    if (code > 0xff_ff) marks += 1;
    else if (kind !== "none" && !isMarked) {
      marks += MARKS_OF_RUN;
      isMarked = true;
    }
    if (CAPITAL.test(character)) marks += MARKS_OF_CAPITAL;
  }
  return marks;
}

function kindOf(character: string, code: number): Kind {
  if (code < 0x80) return /[a-z]/i.test(character) ? "word" : "none";
  if (code > 0xff_ff || SPACE.test(character)) return "none";
  if (LETTER.test(character)) return "word";
  return LETTERLIKE.test(character) ? "letterlike" : "other";
}
