import { ApplicationFailure, workflowInfo } from "@temporalio/workflow";
import type { EditRequest } from "../core/activity-contract.js";
import type { DecisionCommand } from "../core/commands.js";
import { decide, type Gate, gateNumber, type Identity, type RefusalReason } from "../core/gate.js";
import type { Json } from "../core/json.js";
import { decisionClaims } from "../core/signed-decision.js";
import { checkEdit, checkSigned } from "./calls.js";
import { digestOfGate, putGate } from "./gates.js";
import { recordAudit, recordEvent } from "./outbox.js";
import { agentOf, now, nowMs, type Run } from "./run-context.js";
import { tellGate } from "./run-spans.js";
import { meters } from "./run-status.js";
import { taskApplied } from "./task-applied.js";

/** A word that is not taken, and why. */
export interface Refused {
  readonly kind: "refused";
  readonly reason: RefusalReason | "unknown" | "invalid" | "unavailable";
  readonly message: string;
}

export type Judged = { readonly kind: "decided" | "counted"; readonly gate: Gate } | Refused;

/** A person's word, and how it is known to be theirs. */
type Word = DecisionCommand & { readonly identity: Identity };

/** What would become of a word on a gate, now. */
function judge(run: Run, word: Word): Judged {
  const gate = run.state.gates.find((candidate) => candidate.gate === word.gate);
  if (gate) return decide(gate, { ...word, at: now() });
  const number = gateNumber(word.gate);
  if (number > 0 && number <= run.state.gateCount) {
    return { kind: "refused", reason: "closed", message: `${word.gate} was closed long ago` };
  }
  const known = run.state.gates.map((candidate) => candidate.gate).join(", ") || "none";
  const message = `there is no gate ${word.gate}; the gates are: ${known}`;
  return { kind: "refused", reason: "unknown", message };
}

/** What is to be said against a word without a wait. */
export function refusalAtOnce(run: Run, word: DecisionCommand): Refused | undefined {
  // What is signed is taken at its word here: the signature is looked at before it counts.
  const outcome = judge(run, asClaimed(word));
  return outcome.kind !== "refused" || mayBeEarly(run, word, outcome) ? undefined : outcome;
}

/** Who saw the answer that opens a gate may be quicker than the run: the word then comes in one task with it, and first. */
function mayBeEarly({ state }: Run, word: DecisionCommand, { reason }: Refused): boolean {
  // Gates open as the calls of a turn begin: none while these are at work.
  const mayOpenGates = state.ending === null && state.calls.every(({ stage }) => stage === "asked");
  return reason === "unknown" && gateNumber(word.gate) > 0 && mayOpenGates;
}

function asClaimed(word: DecisionCommand): Word {
  return { ...word, identity: word.token === undefined ? "asserted" : "verified" };
}

/** Takes a word; edited arguments have to fit the tool's schema, and signatures a key, which an activity knows. */
export async function takeWord(run: Run, said: DecisionCommand): Promise<Judged> {
  const word = asClaimed(said);
  let first = judge(run, word);
  if (first.kind === "refused" && mayBeEarly(run, word, first)) {
    await taskApplied(() => run.hearing);
    first = judge(run, word);
  }
  if (first.kind === "refused") return first;
  if (word.token !== undefined) {
    const refusal = await signatureRefusal(word, word.token);
    if (refusal) return refusal;
    first = judge(run, word);
    if (first.kind === "refused") return first;
  }
  if (word.decision === "reject" || word.args === undefined) return taken(run, word, first);
  const checked = await checkedEdit(run, word, { tool: first.gate.tool, args: word.args });
  // Checking takes a moment, in which others may have decided.
  return "kind" in checked ? checked : taken(run, checked, judge(run, checked));
}

/** Carries out what was judged, in the same breath: a wait in between, and the words of one task would undo each other. */
function taken(run: Run, word: Word, outcome: Judged): Judged {
  if (outcome.kind === "refused") return outcome;
  return { ...outcome, gate: applyDecision(run, word, outcome.gate) };
}

/** Why what was signed does not count. */
async function signatureRefusal(word: Word, token: string): Promise<Refused | undefined> {
  const { workflowId, firstExecutionRunId: firstRunId } = workflowInfo();
  try {
    const { problem } = await checkSigned({ token, claims: decisionClaims(word, { workflowId, firstRunId }) });
    if (problem === undefined) return undefined;
    const message = `${word.by}'s signature on ${word.gate} does not count: ${problem}`;
    return { kind: "refused", reason: "unverified", message };
  } catch {
    const message = `signatures cannot be checked by this worker now; ${word.gate} stays open, try again`;
    return { kind: "refused", reason: "unavailable", message };
  }
}

async function checkedEdit(run: Run, word: Word, edit: Omit<EditRequest, "definition">): Promise<Word | Refused> {
  try {
    const checked = await checkEdit({ definition: agentOf(run).definition, ...edit });
    if ("args" in checked) return { ...word, args: checked.args as Json };
    return { kind: "refused", reason: "invalid", message: checked.problem };
  } catch {
    const message = `the arguments cannot be checked while the blob store is away; ${word.gate} stays open, try again`;
    return { kind: "refused", reason: "unavailable", message };
  }
}

function applyDecision(run: Run, word: Word, judged: Gate): Gate {
  // What was approved is what runs: the digest moves along with an approver's arguments.
  const gate = word.args === undefined ? judged : { ...judged, digest: digestOfGate(run, judged) };
  putGate(run, gate);
  const facts = { gate: gate.gate, tool: gate.tool, decision: word.decision, digest: gate.digest, state: gate.state };
  const said = word.comment === undefined ? {} : { comment: word.comment.slice(0, 500) };
  const edited = word.args === undefined ? {} : ({ edited: true } as const);
  recordEvent(run, "wflo.approval.decided", { ...facts, by: word.by, ...said, ...edited });
  recordAudit(run, `approval.${word.decision}`, { ...facts, identity: word.identity, ...said, ...edited }, word.by);
  const waitSeconds = (nowMs() - Date.parse(gate.requestedAt)) / 1_000;
  if (gate.state !== "pending") {
    meters.approvalDecided({ decision: gate.state, waitSeconds });
    tellGate(gate);
  }
  return gate;
}

/** A refusal as an update tells it. */
export function refusedBecause(message: string, reason: string): ApplicationFailure {
  return ApplicationFailure.nonRetryable(message, "Refused", { reason });
}
