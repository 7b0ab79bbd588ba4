import { CommandRefused } from "../client/client-error.js";
import type { DecisionSigner, GateView, RunHandle } from "../client/index.js";
import { canonicalJson } from "../core/digest.js";
import type { Json } from "../core/json.js";
import { printable } from "./output.js";
import type { Prompt } from "./prompt.js";

/** How a question to the person at the terminal ended. */
export type GateAnswer =
  /** Their word is on record; more people may be needed. */
  | { readonly kind: "decided"; readonly gate: GateView }
  /** They decide later, from elsewhere. */
  | { readonly kind: "later" }
  /** The gate is another one by now. */
  | { readonly kind: "refused"; readonly refusal: CommandRefused }
  /** Nobody needs to be asked any more. */
  | { readonly kind: "over" };

/** What the person has typed so far about one gate. */
interface Draft {
  readonly args?: Json;
  readonly comment?: string;
}

const MENU = "[y]es  [n]o  [e]dit the arguments  [c]omment  [l]ater: ";

/**
 * Shows a gate with what would run, and takes one person's word. The word names the digest that was shown, so that nobody
 * approves what they have not seen.
 */
export async function askAboutGate(
  run: Pick<RunHandle, "workflowId" | "decide">,
  gate: GateView,
  {
    prompt,
    by,
    sign,
    signal,
  }: {
    readonly prompt: Prompt;
    readonly by: string;
    readonly sign?: DecisionSigner | undefined;
    readonly signal?: AbortSignal;
  },
): Promise<GateAnswer> {
  const options = signal ? { signal } : {};
  const decide = async (decision: "approve" | "reject", draft: Draft): Promise<GateAnswer> => {
    try {
      const decided = await run.decide(gate.gate, decision, {
        by,
        digest: gate.digest,
        ...draft,
        ...(sign ? { sign } : {}),
      });
      return { kind: "decided", gate: decided };
    } catch (error) {
      if (error instanceof CommandRefused) return { kind: "refused", refusal: error };
      throw error;
    }
  };
  prompt.show(gateWords(gate));
  if (isQuestion(gate)) {
    const answer = await prompt.ask("Your answer (empty: later): ", options);
    if (answer === undefined) return { kind: "over" };
    return answer.trim() === "" ? { kind: "later" } : await decide("approve", { comment: answer });
  }
  let draft: Draft = {};
  for (;;) {
    const word = (await prompt.ask(MENU, options))?.trim().toLowerCase();
    if (word === undefined) return { kind: "over" };
    if (word === "y" || word === "yes") return await decide("approve", draft);
    if (word === "n" || word === "no") return await decide("reject", without(draft));
    if (word === "l" || word === "later") return { kind: "later" };
    if (word === "e" || word === "edit") draft = await edited(gate, draft, prompt, options);
    else if (word === "c" || word === "comment") {
      const comment = await prompt.ask("Comment: ", options);
      if (comment?.trim()) draft = { ...draft, comment };
    } else prompt.show("Answer with y, n, e, c or l.");
  }
}

/** How to decide from elsewhere. */
export function elsewhereWords(workflowId: string, { gate }: GateView): string {
  return `decide with: wflo approve ${workflowId} ${gate}   (or wflo reject …; wflo approvals ${workflowId} shows it)`;
}

/** A gate in full: what is asked, what would run, who may decide, until when. */
export function gateWords(gate: GateView): string {
  const people = gate.approvers.length === 0 ? "anyone" : gate.approvers.join(", ");
  const rows: readonly (readonly [string, string])[] = [
    ["tool", gate.tool],
    ["args", JSON.stringify(gate.args, null, 2)],
    ["digest", gate.digest],
    ["asks", `${people}${gate.quorum > 1 ? `, ${gate.quorum} of them` : ""}${gate.identity ? ", signed" : ""}`],
    ...(gate.editedBy === undefined ? [] : [["edited by", gate.editedBy] as const]),
    ...(gate.deadline === undefined ? [] : [["until", gate.deadline] as const]),
  ];
  const lines = rows.map(
    ([name, value]) => `  ${name.padEnd(9)}  ${printable(value).replaceAll("\n", `\n${" ".repeat(13)}`)}`,
  );
  return [`${gate.gate}: ${printable(gate.title)}`, ...lines].join("\n");
}

/** `ask_human` and its like: the title is the question, the comment the answer. */
function isQuestion({ title, args }: GateView): boolean {
  const question = (args as { readonly question?: unknown } | null)?.question;
  return typeof question === "string" && question !== "" && question.startsWith(title);
}

async function edited(
  gate: GateView,
  draft: Draft,
  prompt: Prompt,
  options: { readonly signal?: AbortSignal },
): Promise<Draft> {
  const before = draft.args ?? gate.args;
  const text = await prompt.edit(`${JSON.stringify(before, null, 2)}\n`, options);
  if (text === undefined || text.trim() === "") return draft;
  try {
    const args = JSON.parse(text) as Json;
    if (typeof args !== "object" || args === null || Array.isArray(args)) throw new Error("they must be a JSON object");
    if (canonicalJson(args) === canonicalJson(before)) return draft;
    prompt.show(`With these arguments:\n${printable(JSON.stringify(args, null, 2))}`);
    return { ...draft, args };
  } catch (error) {
    prompt.show(`The arguments stay as they were: ${(error as Error).message}`);
    return draft;
  }
}

/** Who rejects says why, not what instead. */
function without({ args: _args, ...draft }: Draft): Draft {
  return draft;
}
