import { randomUUID } from "node:crypto";
import type { WorkflowHandle } from "@temporalio/client";
import {
  type Checked,
  checkDecision,
  checkMessage,
  checkReconcile,
  checkSteer,
  checkTerms,
  type ReconcileCommand,
} from "../core/commands.js";
import { invalidInput } from "../core/failures.js";
import type { GateView } from "../core/gate.js";
import type { Json } from "../core/json.js";
import type { BudgetView, Reconciled } from "../core/ledger-report.js";
import type { RequestText, UsdAmount } from "../core/run-request.js";
import { type DecisionSigner, decisionClaims } from "../core/signed-decision.js";
import type { Temporal } from "./temporal.js";
import { createUpdates } from "./updates.js";

/** Who sends a command. */
export interface CommandOptions {
  /** A name, as the audit log has it. */
  readonly by?: string;
  /** A command with an id counts once, however often it is sent. @default a new one */
  readonly id?: string;
}

/** One person's word on a gate. */
export interface DecisionOptions {
  readonly by: string;
  /** The answer itself, for a tool that asks a question (`ask_human`). */
  readonly comment?: string;
  /** Arguments to run instead of the model's. */
  readonly args?: Json;
  /** The gate's digest as it was seen: refused as `stale` where the gate asks about something else by now. */
  readonly digest?: string;
  /** Signs what is decided, so that a gate that takes verified decisions only takes it; `digest` has to be named then. */
  readonly sign?: DecisionSigner;
}

/** What a run can be told. What is wrong with a command is said before it is sent: InvalidInput, naming every field. */
export interface RunCommands {
  /** @throws CommandRefused with the reason */
  decide(gate: string, decision: "approve" | "reject", options: DecisionOptions): Promise<GateView>;
  approve(gate: string, options: DecisionOptions): Promise<GateView>;
  reject(gate: string, options: DecisionOptions): Promise<GateView>;
  addBudget(usd: UsdAmount, options: CommandOptions & { readonly by: string }): Promise<BudgetView>;
  setLimit(usd: UsdAmount, options?: TermsOptions): Promise<void>;
  /** Stops before the next model or tool call, until `unfreeze`. */
  freeze(options?: TermsOptions): Promise<void>;
  unfreeze(options?: TermsOptions): Promise<void>;
  /** Books what a provider's list says of attempts that stand as unconfirmed; without `usage` one was not billed. Says which it changed. */
  reconcile(
    attempts: ReconcileCommand["attempts"],
    options: CommandOptions & { readonly by: string },
  ): Promise<Reconciled>;
  /** Says something to the agent; the answer is the turn that hears it. Above 256 KiB it has to be a blob's address. */
  say(text: RequestText, options?: CommandOptions): Promise<{ readonly turn: number }>;
  /** Sends one of the contract's signals as it is. The run ignores what it can't read. */
  signal(name: string, payload: object): Promise<void>;
  pause(options?: { readonly by?: string }): Promise<void>;
  resume(options?: { readonly by?: string }): Promise<void>;
  /** Asks it to end: it books what is under way, and ends as canceled. */
  cancel(): Promise<void>;
  /** Ends it at once, from outside: nothing is booked any more. */
  terminate(reason?: string): Promise<void>;
}

export interface TermsOptions extends CommandOptions {
  readonly reason?: string;
}

/** Commands that need an answer are updates, the others are signals, which wait for a worker by themselves. */
export function createRunCommands(temporal: Temporal, handle: WorkflowHandle): RunCommands {
  const { workflowId } = handle;
  const update = createUpdates(temporal, handle);
  const signal = async (name: string, payload: object): Promise<void> =>
    await temporal.call(async () => await handle.signal(name, payload), { workflowId });

  const decide = async (gate: string, decision: "approve" | "reject", options: DecisionOptions): Promise<GateView> => {
    const { sign, ...said } = options;
    const payload = given({ gate, decision, ...said });
    const word = check(checkDecision(payload));
    if (!sign) return await update<GateView>("decideApproval", payload);
    if (word.digest === undefined) throw invalidInput(["digest: has to be named by a decision that is signed"]);
    const { raw } = await temporal.call(async () => await handle.describe(), { workflowId });
    const firstRunId = raw.workflowExecutionInfo?.firstRunId ?? "";
    const token = await sign(decisionClaims(word, { workflowId, firstRunId }));
    return await update<GateView>("decideApproval", { ...payload, token });
  };
  const changeTerms = async (
    terms: { readonly limitUsd?: UsdAmount; readonly freeze?: boolean },
    { by = "unknown", id = randomUUID(), reason }: TermsOptions = {},
  ) => {
    const payload = given({ ...terms, by, id, reason });
    check(checkTerms(payload));
    await signal("budgetCheck", payload);
  };
  const steer = async (name: "pause" | "resume", options: { readonly by?: string } = {}) => {
    check(checkSteer(options));
    await signal(name, given({ by: options.by }));
  };

  return {
    decide,
    approve: async (gate, options) => await decide(gate, "approve", options),
    reject: async (gate, options) => await decide(gate, "reject", options),
    async addBudget(addUsd, { by, id = randomUUID() }) {
      check(checkTerms({ addUsd, by, id }, { addRequired: true }));
      return await update<BudgetView>("addBudget", { addUsd, by, id });
    },
    async reconcile(attempts, { by, id = randomUUID() }) {
      const payload = { attempts, by, id };
      check(checkReconcile(payload));
      return await update<Reconciled>("reconcile", payload);
    },
    setLimit: async (limitUsd, options) => await changeTerms({ limitUsd }, options),
    freeze: async (options) => await changeTerms({ freeze: true }, options),
    unfreeze: async (options) => await changeTerms({ freeze: false }, options),
    async say(text, { by, id = randomUUID() } = {}) {
      const payload = given({ text, by, id });
      check(checkMessage(payload));
      return await update<{ turn: number }>("sendMessage", payload);
    },
    signal,
    pause: async (options) => await steer("pause", options),
    resume: async (options) => await steer("resume", options),
    async cancel() {
      await temporal.call(async () => await handle.cancel(), { workflowId });
    },
    async terminate(reason) {
      await temporal.call(async () => await handle.terminate(reason), { workflowId });
    },
  };
}

/** What is wrong with a command is said here: a run ignores a signal that it can't read. */
function check<T>(checked: Checked<T>): T {
  if ("problems" in checked) throw invalidInput(checked.problems);
  return checked.command;
}

/** Without the members that are undefined. */
function given(payload: Readonly<Record<string, unknown>>): object {
  return Object.fromEntries(Object.entries(payload).filter(([, value]) => value !== undefined));
}
