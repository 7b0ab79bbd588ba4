import { randomUUID } from "node:crypto";
import type { WorkflowHandle } from "@temporalio/client";
import { type Checked, checkDecision, checkMessage, checkReconcile, checkSteer, checkTerms } from "../core/commands.js";
import { invalidInput } from "../core/failures.js";
import type { GateView } from "../core/gate.js";
import type { BudgetView, Reconciled } from "../core/ledger-report.js";
import type { UsdAmount } from "../core/run-request.js";
import type { DecisionOptions, RunCommands, TermsOptions } from "./run-handle.js";
import type { Temporal } from "./temporal.js";
import { createUpdates } from "./updates.js";

/** Commands that need an answer are updates, the others are signals, which wait for a worker by themselves. */
export function createRunCommands(temporal: Temporal, handle: WorkflowHandle): RunCommands {
  const { workflowId } = handle;
  const update = createUpdates(temporal, handle);
  const signal = async (name: string, payload: object): Promise<void> =>
    await temporal.call(async () => await handle.signal(name, payload), { workflowId });

  const decide = async (gate: string, decision: "approve" | "reject", options: DecisionOptions): Promise<GateView> => {
    const payload = given({ gate, decision, ...options });
    check(checkDecision(payload));
    return await update<GateView>("decideApproval", payload);
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
function check(checked: Checked<object>): void {
  if ("problems" in checked) throw invalidInput(checked.problems);
}

/** Without the members that are undefined. */
function given(payload: Readonly<Record<string, unknown>>): object {
  return Object.fromEntries(Object.entries(payload).filter(([, value]) => value !== undefined));
}
