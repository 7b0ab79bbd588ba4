import type { Message, TextOrRef } from "../../core/transcript.js";
import type { ModelRequest } from "../../ports/models.js";
import type { ScriptTurn } from "./script.js";

/*
 * Which turn of a script plays: a function of the request alone, so that a retry, a crash or another worker finds the
 * same place.
 *
 *   turns without `when`    A  429  500  B     the run's call 1: A · call 2: 429, then 500, then B · call 3 and on: B
 *   errors after the end    A  429             call 1: A · call 2: 429, then A · call 3 and on: A
 *   errors only             429  500           every call: 429, then 500, 500, 500 …
 *   a fitting `when`        goes before them; errors among the fitting turns play first, each for one attempt
 */

/** What plays for one attempt at one call; undefined where every turn has a `when` that does not fit. */
export function chooseTurn(turns: readonly ScriptTurn[], request: ModelRequest): ScriptTurn | undefined {
  const fitting = fittingTurns(turns, request.messages.at(-1));
  const special = firstAnswer(fitting, request.attempt);
  if (special) return special;
  const failed = fitting.filter((turn) => turn.error).length;
  return chooseByPosition(unconditional(turns), request.turn, request.attempt - failed);
}

/** Every turn whose count of tokens bounds a call: the conditional ones and those of its position. */
export function turnsThatCanPlay(turns: readonly ScriptTurn[], call: number): readonly ScriptTurn[] {
  const conditional = turns.filter((turn) => turn.lastMessageIncludes !== undefined);
  const { errors, answer } = atPosition(unconditional(turns), call);
  const billed = (turn: ScriptTurn) => !turn.error || turn.usage !== undefined;
  return [...conditional, ...errors, ...(answer ? [answer] : [])].filter(billed);
}

/** The turn for an attempt in a list of errors and then an answer; undefined where the list has no answer for it. */
function firstAnswer(turns: readonly ScriptTurn[], attempt: number): ScriptTurn | undefined {
  const end = turns.findIndex((turn) => !turn.error);
  return end === -1 ? turns[attempt - 1] : turns[Math.min(attempt - 1, end)];
}

function chooseByPosition(turns: readonly ScriptTurn[], call: number, attempt: number): ScriptTurn | undefined {
  const { errors, answer } = atPosition(turns, call);
  return errors[attempt - 1] ?? answer ?? errors.at(-1);
}

/** What stands between the answer before and this call's answer, and that answer (the last one, when they have run out). */
function atPosition(
  turns: readonly ScriptTurn[],
  call: number,
): { errors: readonly ScriptTurn[]; answer?: ScriptTurn } {
  let errors: ScriptTurn[] = [];
  let answers = 0;
  let last: ScriptTurn | undefined;
  for (const turn of turns) {
    if (turn.error) {
      errors.push(turn);
      continue;
    }
    answers += 1;
    last = turn;
    if (answers === call) return { errors, answer: turn };
    errors = [];
  }
  if (!last) return { errors };
  return { errors: call === answers + 1 ? errors : [], answer: last };
}

function unconditional(turns: readonly ScriptTurn[]): readonly ScriptTurn[] {
  return turns.filter((turn) => turn.lastMessageIncludes === undefined);
}

function fittingTurns(turns: readonly ScriptTurn[], last: Message | undefined): readonly ScriptTurn[] {
  const conditional = turns.filter((turn) => turn.lastMessageIncludes !== undefined);
  if (conditional.length === 0) return [];
  const said = spoken(last);
  return conditional.filter((turn) => said.includes(turn.lastMessageIncludes ?? ""));
}

/** The text of a message as `when` sees it; tool results as their JSON, and texts among them also as they are. */
function spoken(message: Message | undefined): string {
  const results = message?.toolResults ?? [];
  const texts = results.flatMap(({ result, error }) => [result, error]).filter((text) => typeof text === "string");
  return [plain(message?.text), ...results.map((result) => JSON.stringify(result)), ...texts].join("\n");
}

function plain(text: TextOrRef | undefined): string {
  return typeof text === "string" ? text : (text?.preview ?? "");
}
