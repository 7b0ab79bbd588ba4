import { digestOf } from "./digest.js";
import { epochMs, isoTime } from "./instant.js";
import type { Json } from "./json.js";

/** What happens to a gate when nobody decides in time. */
export type OnTimeout = "reject" | "approve" | "escalate";
/** `asserted`: a name in a payload · `verified`: a signature or token that the worker checked. */
export type Identity = "asserted" | "verified";

/** One person's latest word. */
export interface Decision {
  readonly by: string;
  readonly identity: Identity;
  readonly decision: "approve" | "reject";
  readonly comment?: string;
  /** Digest of the arguments that this word is about. */
  readonly argsDigest: string;
  readonly at: string;
}

/** A question to people: plain JSON, kept in the run. */
export interface Gate {
  readonly gate: string;
  readonly title: string;
  readonly tool: string;
  /** What will run: as the model asked, or as an approver edited. */
  readonly args: Json;
  /** Of tool, version, arguments and workspace: what an approver approves. */
  readonly digest: string;
  /** Who changed the arguments last, where somebody did. */
  readonly editedBy?: string;
  readonly requestedAt: string;
  readonly deadline?: string;
  /** Empty: anyone. */
  readonly approvers: readonly string[];
  readonly quorum: number;
  readonly identity: Identity;
  readonly onTimeout: OnTimeout;
  readonly timeoutMs?: number;
  readonly escalateTo: readonly string[];
  readonly escalated: boolean;
  readonly requestedBy?: string;
  readonly state: "pending" | "approved" | "rejected" | "expired";
  readonly decisions: readonly Decision[];
}

/** A decision as it arrives. */
export interface DecisionInput {
  readonly decision: "approve" | "reject";
  readonly by: string;
  readonly identity: Identity;
  readonly comment?: string;
  /** Arguments to run instead. */
  readonly args?: Json;
  /** What the person saw; refused as stale where it differs. */
  readonly digest?: string;
  readonly at: string;
}

/**
 * `closed`: decided already · `late`: after the deadline · `stale`: about something else by now · `edited`: somebody
 * changed the arguments, so an approval has to say which ones it means · `own-request`: somebody else has to approve.
 */
export type RefusalReason =
  | "closed"
  | "late"
  | "stale"
  | "edited"
  | "not-allowed"
  | "duplicate"
  | "unverified"
  | "own-request";

/** `decided`: the gate is closed now · `counted`: more people are needed. */
export type Decided =
  | { readonly kind: "decided" | "counted"; readonly gate: Gate }
  | { readonly kind: "refused"; readonly reason: RefusalReason; readonly message: string };

/** Of a gate's name such as `g3`: gates are numbered from 1 as they open. 0 where no gate can be called so. */
export function gateNumber(gate: string): number {
  return Number(/^g([1-9]\d{0,8})$/.exec(gate)?.[1] ?? 0);
}

/** People whose words one gate keeps; more than this cannot decide on one. */
const MOST_DECISIONS = 100;

export function openGate(asked: {
  readonly gate: string;
  readonly title: string;
  readonly tool: string;
  readonly args: Json;
  readonly digest: string;
  readonly requestedAt: string;
  readonly timeoutMs?: number | undefined;
  readonly onTimeout?: OnTimeout;
  readonly approvers?: readonly string[];
  readonly quorum?: number;
  readonly escalateTo?: readonly string[];
  readonly identity?: Identity;
  readonly requestedBy?: string;
}): Gate {
  const { timeoutMs, requestedBy } = asked;
  return {
    gate: asked.gate,
    title: asked.title,
    tool: asked.tool,
    args: asked.args,
    digest: asked.digest,
    requestedAt: asked.requestedAt,
    ...(timeoutMs === undefined ? {} : { timeoutMs, deadline: later(asked.requestedAt, timeoutMs) }),
    approvers: asked.approvers ?? [],
    quorum: asked.quorum ?? 1,
    identity: asked.identity ?? "asserted",
    onTimeout: asked.onTimeout ?? "reject",
    escalateTo: asked.escalateTo ?? [],
    escalated: false,
    ...(requestedBy === undefined ? {} : { requestedBy }),
    state: "pending",
    decisions: [],
  };
}

/**
 * Takes one person's word. One rejection rejects. `quorum` different people who may decide approve, all of the same
 * arguments: an edit voids the approvals before it, and whoever approves after it has to name the gate's digest (or the
 * arguments), so that nobody approves what they have not seen. Where `word.args` changed `args`, the caller renews `digest`.
 */
export function decide(gate: Gate, word: DecisionInput): Decided {
  const argsDigest = digestOf(word.decision === "approve" ? (word.args ?? gate.args) : gate.args);
  const refusal = refusalOf(gate, word, argsDigest);
  if (refusal) return { kind: "refused", ...refusal };
  const decision: Decision = {
    by: word.by,
    identity: word.identity,
    decision: word.decision,
    ...(word.comment === undefined ? {} : { comment: word.comment }),
    argsDigest,
    at: word.at,
  };
  const decisions = [...gate.decisions.filter(({ by }) => !isSamePerson(by, word.by)), decision];
  if (word.decision === "reject") return { kind: "decided", gate: { ...gate, decisions, state: "rejected" } };
  const edited = argsDigest === digestOf(gate.args) ? {} : { args: word.args ?? gate.args, editedBy: word.by };
  const next: Gate = { ...gate, ...edited, decisions };
  const counting = decisions.filter((one) => counts(next, one, argsDigest));
  if (counting.length < gate.quorum) return { kind: "counted", gate: next };
  return { kind: "decided", gate: { ...next, state: "approved" } };
}

/**
 * The deadline has passed (before it: no change). Escalation restarts it once, for the people it escalates to, who have
 * to reach the quorum themselves; after that, nobody deciding is a no.
 */
export function expire(gate: Gate, at: string): Gate {
  if (gate.state !== "pending" || gate.deadline === undefined || epochMs(at) < epochMs(gate.deadline)) return gate;
  if (gate.onTimeout === "approve") return { ...gate, state: "approved" };
  if (gate.onTimeout === "escalate" && !gate.escalated && gate.escalateTo.length > 0) {
    return { ...gate, escalated: true, approvers: gate.escalateTo, deadline: later(at, gate.timeoutMs ?? 0) };
  }
  return { ...gate, state: "expired" };
}

/** One entry of the `approvals` query; `superseded` marks an approval that does not count any more. */
export function viewGate(gate: Gate) {
  const { gate: id, title, tool, args, requestedAt, deadline, approvers, quorum, digest, state, editedBy } = gate;
  const current = digestOf(args);
  return {
    gate: id,
    title,
    tool,
    args,
    requestedAt,
    ...(deadline === undefined ? {} : { deadline }),
    approvers,
    quorum,
    digest,
    state,
    ...(editedBy === undefined ? {} : { editedBy }),
    // Told where it asks for more than a name.
    ...(gate.identity === "verified" ? { identity: gate.identity } : {}),
    decisions: gate.decisions.map((one) => {
      const { argsDigest: _digest, ...word } = one;
      return one.decision === "reject" || counts(gate, one, current) ? word : { ...word, superseded: true };
    }),
  };
}

export type GateView = ReturnType<typeof viewGate>;

/** An approval of these arguments by somebody who may decide now. */
function counts(gate: Gate, one: Decision, argsDigest: string): boolean {
  return one.decision === "approve" && one.argsDigest === argsDigest && mayDecide(gate, one.by);
}

function mayDecide(gate: Gate, by: string): boolean {
  return gate.approvers.length === 0 || gate.approvers.some((approver) => isSamePerson(approver, by));
}

function refusalOf(
  gate: Gate,
  word: DecisionInput,
  argsDigest: string,
): { reason: RefusalReason; message: string } | undefined {
  const ended = endedBefore(gate, word.at);
  if (ended) return ended;
  if (!mayDecide(gate, word.by)) {
    const asked = gate.approvers.join(", ");
    return { reason: "not-allowed", message: `${word.by} may not decide on ${gate.gate}; it asks ${asked}` };
  }
  if (gate.identity === "verified" && word.identity !== "verified") {
    const message = `${gate.gate} takes verified decisions only; that this is ${word.by} is only asserted`;
    return { reason: "unverified", message };
  }
  if (word.digest !== undefined && word.digest !== gate.digest) {
    const message = `${gate.gate} asks about ${gate.digest} by now, not about ${word.digest}; look at it again`;
    return { reason: "stale", message };
  }
  if (word.decision === "approve") return approvalRefusalOf(gate, word, argsDigest);
  return undefined;
}

function endedBefore(gate: Gate, at: string): { reason: RefusalReason; message: string } | undefined {
  if (gate.state === "expired") {
    return { reason: "late", message: `nobody decided on ${gate.gate} until ${gate.deadline ?? "its deadline"}` };
  }
  if (gate.state !== "pending") {
    const last = gate.decisions.findLast(({ decision }) => (decision === "approve") === (gate.state === "approved"));
    return { reason: "closed", message: `${gate.gate} is ${gate.state} already, by ${last?.by ?? "its deadline"}` };
  }
  if (gate.deadline !== undefined && epochMs(at) > epochMs(gate.deadline)) {
    return { reason: "late", message: `the time for ${gate.gate} ended at ${gate.deadline}` };
  }
  return undefined;
}

function approvalRefusalOf(
  gate: Gate,
  word: DecisionInput,
  argsDigest: string,
): { reason: RefusalReason; message: string } | undefined {
  if (gate.requestedBy !== undefined && isSamePerson(word.by, gate.requestedBy)) {
    const message = `${word.by} asked for this; somebody else has to approve ${gate.gate}`;
    return { reason: "own-request", message };
  }
  const earlier = gate.decisions.find(({ by }) => isSamePerson(by, word.by));
  if (earlier && counts(gate, earlier, argsDigest) && argsDigest === digestOf(gate.args)) {
    const message = `${word.by} has approved ${gate.gate} already; it needs ${gate.quorum} different people`;
    return { reason: "duplicate", message };
  }
  const blind = word.digest === undefined && word.args === undefined;
  if (gate.editedBy !== undefined && blind && !isSamePerson(gate.editedBy, word.by)) {
    const message = `${gate.editedBy} changed the arguments of ${gate.gate}; approve them by naming the digest ${gate.digest}`;
    return { reason: "edited", message };
  }
  if (!earlier && gate.decisions.length >= MOST_DECISIONS) {
    return { reason: "closed", message: `${gate.gate} has heard ${MOST_DECISIONS} people; no more can decide on it` };
  }
  return undefined;
}

/** Spellings of one name are one person: nobody reaches a quorum of two as `ana` and `Ana `. */
function isSamePerson(a: string, b: string): boolean {
  return a === b || personKey(a) === personKey(b);
}

function personKey(name: string): string {
  return name.normalize("NFKC").replace(/\s+/g, " ").trim().toLowerCase();
}

function later(iso: string, ms: number): string {
  return isoTime(epochMs(iso) + ms);
}
