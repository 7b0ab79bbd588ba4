import { digestOf } from "./digest.js";
import type { Json } from "./json.js";

/** What happens to a gate when nobody decides in time. */
export type OnTimeout = "reject" | "approve" | "escalate";
/** `asserted`: a name in a payload · `verified`: a signature or token that the worker checked. */
export type Identity = "asserted" | "verified";

/** One person's word. */
export interface Decision {
  readonly by: string;
  readonly identity: Identity;
  readonly decision: "approve" | "reject";
  readonly comment?: string;
  /** What this person approved, where they edited the arguments. */
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
  readonly digest: string;
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

export type RefusalReason = "closed" | "late" | "stale" | "not-allowed" | "duplicate" | "unverified" | "own-request";

export type Decided =
  | { readonly kind: "decided" | "counted"; readonly gate: Gate }
  | { readonly kind: "refused"; readonly reason: RefusalReason; readonly message: string };

/** Decisions that one gate keeps; more people than this cannot decide on one. */
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
 * Takes one person's word. One rejection rejects; `quorum` different people approve. An edit of the arguments makes the
 * approvals before it void: what is approved is what runs, so all approvals are of the same arguments.
 */
export function decide(gate: Gate, word: DecisionInput): Decided {
  const refusal = refusalOf(gate, word);
  if (refusal) return { kind: "refused", ...refusal };
  const args = word.decision === "approve" && word.args !== undefined ? word.args : gate.args;
  const argsDigest = digestOf(args);
  const decision: Decision = {
    by: word.by,
    identity: word.identity,
    decision: word.decision,
    ...(word.comment === undefined ? {} : { comment: word.comment }),
    argsDigest,
    at: word.at,
  };
  const decisions = [...gate.decisions.filter(({ by }) => by !== word.by), decision];
  if (word.decision === "reject") return { kind: "decided", gate: { ...gate, decisions, state: "rejected" } };
  const approvals = decisions.filter((one) => one.decision === "approve" && one.argsDigest === argsDigest);
  const edited = { ...gate, args, decisions };
  if (approvals.length < gate.quorum) return { kind: "counted", gate: edited };
  return { kind: "decided", gate: { ...edited, state: "approved" } };
}

/** The deadline has passed. Escalation restarts it once, for the people it escalates to; then it is a rejection. */
export function expire(gate: Gate, at: string): Gate {
  if (gate.state !== "pending") return gate;
  if (gate.onTimeout === "approve") return { ...gate, state: "approved" };
  if (gate.onTimeout === "escalate" && !gate.escalated && gate.escalateTo.length > 0) {
    const deadline = gate.timeoutMs === undefined ? {} : { deadline: later(at, gate.timeoutMs) };
    return { ...gate, escalated: true, approvers: gate.escalateTo, decisions: [], ...deadline };
  }
  return { ...gate, state: "expired" };
}

/** One entry of the `approvals` query. */
export function viewGate(gate: Gate) {
  const { gate: id, title, tool, args, requestedAt, deadline, approvers, quorum, digest, state } = gate;
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
    decisions: gate.decisions.map(({ argsDigest: _digest, ...word }) => word),
  };
}

export type GateView = ReturnType<typeof viewGate>;

function refusalOf(gate: Gate, word: DecisionInput): { reason: RefusalReason; message: string } | undefined {
  const earlier = gate.decisions.find(({ by }) => by === word.by);
  if (gate.state === "expired") return { reason: "late", message: `${gate.gate} expired at ${gate.deadline ?? "its deadline"}` };
  if (gate.state !== "pending") {
    const by = gate.decisions.at(-1)?.by ?? "its deadline";
    return { reason: "closed", message: `${gate.gate} is ${gate.state} already, by ${by}` };
  }
  if (gate.deadline !== undefined && word.at > gate.deadline) {
    return { reason: "late", message: `the time for ${gate.gate} ended at ${gate.deadline}` };
  }
  if (gate.approvers.length > 0 && !gate.approvers.includes(word.by)) {
    return { reason: "not-allowed", message: `${word.by} may not decide on ${gate.gate}; it asks ${gate.approvers.join(", ")}` };
  }
  if (gate.requestedBy !== undefined && word.by === gate.requestedBy && word.decision === "approve") {
    return { reason: "own-request", message: `${word.by} asked for this; somebody else has to approve ${gate.gate}` };
  }
  if (gate.identity === "verified" && word.identity !== "verified") {
    return { reason: "unverified", message: `${gate.gate} takes verified decisions only; the name ${word.by} is only asserted` };
  }
  if (word.digest !== undefined && word.digest !== gate.digest) {
    return { reason: "stale", message: `${gate.gate} asks about ${gate.digest} by now, not ${word.digest}; look again` };
  }
  const same = word.args === undefined || digestOf(word.args) === earlier?.argsDigest;
  if (earlier && earlier.decision === word.decision && same && digestOf(gate.args) === earlier.argsDigest) {
    return { reason: "duplicate", message: `${word.by} has approved ${gate.gate} already; it needs ${gate.quorum} different people` };
  }
  if (gate.decisions.length >= MOST_DECISIONS) return { reason: "closed", message: `${gate.gate} has heard too many people` };
  return undefined;
}

function later(iso: string, ms: number): string {
  return new Date(Date.parse(iso) + ms).toISOString();
}
