import {
  ApplicationFailure,
  condition,
  defineQuery,
  defineSignal,
  defineUpdate,
  setHandler,
} from "@temporalio/workflow";
import { callDigest } from "../core/call-digest.js";
import { checkDecision, type DecisionCommand } from "../core/commands.js";
import { parseDuration } from "../core/duration.js";
import {
  type Decided,
  decide,
  expire,
  type Gate,
  type GateView,
  gateNumber,
  type OnTimeout,
  openGate,
  viewGate,
} from "../core/gate.js";
import type { JsonObject } from "../core/json.js";
import { now, nowMs } from "./run-context.js";
import { taskApplied } from "./task-applied.js";

/** A question to people from one's own workflow. */
export interface ApprovalRequest {
  readonly title: string;
  /** What is asked about; an approver may edit it. @default {} */
  readonly args?: JsonObject;
  /** Who may decide. @default anyone */
  readonly approvers?: readonly string[];
  /** @default 1 */
  readonly quorum?: number;
  /** Such as "24h". @default none: it waits for ever */
  readonly timeout?: string;
  /** @default "reject" */
  readonly onTimeout?: OnTimeout;
  readonly escalateTo?: readonly string[];
}

/** What people (or time) decided. `args` are as approved: an approver may have edited them. */
export interface Approval {
  readonly approved: boolean;
  readonly state: Gate["state"];
  readonly by: readonly string[];
  readonly comment?: string;
  readonly args: JsonObject;
}

/** This workflow's gates; module state is each workflow's own. */
let gates: readonly Gate[] | undefined;

/**
 * Asks people and waits for their decision, however long that takes, without holding a worker. The workflow answers the
 * `approvals` query, and takes `approve`, `reject` and `decideApproval` as an agent run does: `wflo approve` works on it.
 * @throws ApplicationFailure `InvalidInput` for a time-out that is no duration
 */
export async function approval(request: ApprovalRequest): Promise<Approval> {
  const timeoutMs = request.timeout === undefined ? undefined : parseDuration(request.timeout);
  if (typeof timeoutMs === "object")
    throw ApplicationFailure.nonRetryable(`timeout: ${timeoutMs.problem}`, "InvalidInput");
  if (gates === undefined) listen();
  const known = gates ?? [];
  const id = `g${known.length + 1}`;
  const args = request.args ?? {};
  const { approvers, quorum, onTimeout, escalateTo } = request;
  const gate = openGate({
    gate: id,
    title: request.title,
    tool: "approval",
    args,
    digest: digestOf(args),
    requestedAt: now(),
    timeoutMs,
    ...(approvers === undefined ? {} : { approvers }),
    ...(quorum === undefined ? {} : { quorum }),
    ...(onTimeout === undefined ? {} : { onTimeout }),
    ...(escalateTo === undefined ? {} : { escalateTo }),
  });
  gates = [...known, gate];
  return outcomeOf(await decided(id));
}

async function decided(id: string): Promise<Gate> {
  for (;;) {
    const gate = gateOf(id);
    if (gate === undefined || gate.state !== "pending") return gate as Gate;
    const isOver = () => gateOf(id)?.state !== "pending";
    if (gate.deadline === undefined) await condition(isOver);
    else if (!(await condition(isOver, Math.max(1, Date.parse(gate.deadline) - nowMs())))) put(expire(gate, now()));
  }
}

function outcomeOf(gate: Gate): Approval {
  const words = gate.decisions.filter(({ decision }) => (decision === "approve") === (gate.state === "approved"));
  const comment = words.findLast((word) => word.comment !== undefined)?.comment;
  return {
    approved: gate.state === "approved",
    state: gate.state,
    by: words.map(({ by }) => by),
    ...(comment === undefined ? {} : { comment }),
    args: gate.args as JsonObject,
  };
}

function listen(): void {
  gates = [];
  setHandler(defineQuery<GateView[]>("approvals"), () => (gates ?? []).map(viewGate));
  for (const decision of ["approve", "reject"] as const) {
    setHandler(defineSignal<[unknown]>(decision), async (payload) => {
      const checked = checkDecision(payload, decision);
      if ("problems" in checked) return;
      if (mayBeEarly(checked.command)) await taskApplied();
      const outcome = judge(checked.command);
      if (outcome.kind !== "refused") take(checked.command, outcome.gate);
    });
  }
  setHandler(
    defineUpdate<GateView, [unknown]>("decideApproval"),
    async (payload) => {
      const word = commandOf(payload);
      if (mayBeEarly(word)) await taskApplied();
      const outcome = judge(word);
      if (outcome.kind === "refused") throw refused(outcome.message, outcome.reason);
      return viewGate(take(word, outcome.gate));
    },
    {
      validator: (payload) => {
        const word = commandOf(payload);
        if (mayBeEarly(word)) return;
        const outcome = judge(word);
        if (outcome.kind === "refused") throw refused(outcome.message, outcome.reason);
      },
    },
  );
}

/** The gate may open with what else this workflow task brought: its decisions come first. */
function mayBeEarly({ gate }: DecisionCommand): boolean {
  return gateNumber(gate) > (gates ?? []).length;
}

function judge(word: DecisionCommand): Decided | { kind: "refused"; reason: "unknown"; message: string } {
  const gate = gateOf(word.gate);
  if (gate) return decide(gate, { ...word, identity: "asserted", at: now() });
  const known = (gates ?? []).map((one) => one.gate).join(", ") || "none";
  return { kind: "refused", reason: "unknown", message: `there is no gate ${word.gate}; the gates are: ${known}` };
}

function take(word: DecisionCommand, judged: Gate): Gate {
  const gate = word.args === undefined ? judged : { ...judged, digest: digestOf(judged.args as JsonObject) };
  put(gate);
  return gate;
}

function commandOf(payload: unknown): DecisionCommand {
  const checked = checkDecision(payload);
  if ("problems" in checked) throw refused(checked.problems.join("; "), "invalid");
  return checked.command;
}

function gateOf(id: string): Gate | undefined {
  return gates?.find(({ gate }) => gate === id);
}

function put(gate: Gate): void {
  gates = gates?.map((other) => (other.gate === gate.gate ? gate : other));
}

function digestOf(args: JsonObject): string {
  return callDigest({ tool: "approval", version: "1", args });
}

function refused(message: string, reason: string): ApplicationFailure {
  return ApplicationFailure.nonRetryable(message, "Refused", { reason });
}
