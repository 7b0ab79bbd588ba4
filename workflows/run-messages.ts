import {
  ApplicationFailure,
  condition,
  defineQuery,
  defineSignal,
  defineUpdate,
  setHandler,
} from "@temporalio/workflow";
import {
  type Checked,
  checkDecision,
  checkMessage,
  checkSteer,
  checkTerms,
  type DecisionCommand,
  type MessageCommand,
  type TermsCommand,
} from "../core/commands.js";
import { remember, seen } from "../core/dedupe.js";
import { type Decided, decide, type Gate, type GateView, viewGate } from "../core/gate.js";
import { changeTerms, termsProblem } from "../core/ledger.js";
import { type BudgetView, budgetView } from "../core/ledger-report.js";
import type { TranscriptView } from "../core/messages.js";
import type { RunStatus } from "../core/run.js";
import { digestOfGate, putGate } from "./gates.js";
import { recordAudit, recordEvent } from "./outbox.js";
import { isHeld, now, nowMs, type Run } from "./run-context.js";
import { meters, statusOf } from "./run-status.js";

/** Wires CONTRACT's signals, queries and updates to a run. Commands that come while the run is being restored wait for it. */
export function listen(run: Run): void {
  // Without a wait where there is nothing to wait for: a signal that comes with the run's last step is then seen by it.
  const whenReady = async (act: () => void) => {
    if (!run.ready) await condition(() => run.ready);
    act();
  };
  setHandler(defineQuery<RunStatus>("status"), () => statusOf(run));
  setHandler(defineQuery<BudgetView & { account?: string }>("budget"), () => budgetOf(run));
  setHandler(defineQuery<GateView[]>("approvals"), () => run.state.gates.map(viewGate));
  setHandler(defineQuery<TranscriptView>("transcript"), () => ({ head: run.state.head, turns: run.state.turn }));

  setHandler(defineSignal<[unknown]>("budgetCheck"), async (payload) => {
    await whenReady(() => accept(run, "budgetCheck", checkTerms(payload), (terms) => applyTerms(run, terms)));
  });
  for (const decision of ["approve", "reject"] as const) {
    setHandler(defineSignal<[unknown]>(decision), async (payload) => {
      await whenReady(() => accept(run, decision, checkDecision(payload, decision), (word) => takeWord(run, word)));
    });
  }
  setHandler(defineSignal<[unknown]>("message"), async (payload) => {
    await whenReady(() => accept(run, "message", checkMessage(payload), (message) => addMessage(run, message)));
  });
  setHandler(defineSignal<[unknown]>("pause"), async (payload) => {
    await whenReady(() => accept(run, "pause", checkSteer(payload), ({ by }) => steer(run, true, by)));
  });
  setHandler(defineSignal<[unknown]>("resume"), async (payload) => {
    await whenReady(() => accept(run, "resume", checkSteer(payload), ({ by }) => steer(run, false, by)));
  });
  listenToUpdates(run);
}

function listenToUpdates(run: Run): void {
  const ready = async () => await condition(() => run.ready);
  setHandler(
    defineUpdate<GateView, [unknown]>("decideApproval"),
    async (payload) => {
      await ready();
      const word = commandOf(checkDecision(payload));
      const outcome = judge(run, word);
      if (outcome.kind === "refused") throw refused(outcome.message, outcome.reason);
      applyDecision(run, word, outcome.gate);
      return viewGate(outcome.gate);
    },
    {
      // Synchronous: the SDK ignores what an async validator throws. A refused update writes no history.
      validator: (payload) => {
        const word = commandOf(checkDecision(payload));
        if (!run.ready) return;
        const outcome = judge(run, word);
        if (outcome.kind === "refused") throw refused(outcome.message, outcome.reason);
      },
    },
  );
  setHandler(
    defineUpdate<BudgetView, [unknown]>("addBudget"),
    async (payload) => {
      await ready();
      once(run, "budgetCheck", topUpOf(run, payload), (terms) => applyTerms(run, terms));
      return budgetOf(run);
    },
    { validator: (payload) => void topUpOf(run, payload) },
  );
  setHandler(
    defineUpdate<{ turn: number }, [unknown]>("sendMessage"),
    async (payload) => {
      await ready();
      once(run, "message", commandOf(checkMessage(payload)), (message) => addMessage(run, message));
      return { turn: nextHearing(run) };
    },
    { validator: (payload) => void commandOf(checkMessage(payload)) },
  );
}

function budgetOf(run: Run): BudgetView & { account?: string } {
  const { account } = run.input;
  return { ...budgetView(run.state.ledger), ...(account === undefined ? {} : { account }) };
}

/** A signal's payload that is wrong changes nothing, and is on record. */
function accept<T extends object>(run: Run, name: string, checked: Checked<T>, apply: (command: T) => void): void {
  if ("problems" in checked) noteRefusal(run, name, checked.problems.join("; "));
  else once(run, name, checked.command, apply);
}

/** A command with an id counts once, whether it comes as a signal or as the update of the same meaning. */
function once<T extends object>(run: Run, name: string, command: T, apply: (command: T) => void): void {
  const { id } = command as { id?: string };
  if (id !== undefined) {
    if (seen(run.state.seen, `${name}/${id}`)) return;
    run.state.seen = remember(run.state.seen, `${name}/${id}`);
  }
  apply(command);
}

/** The terms of `addBudget`. @throws ApplicationFailure `Refused` */
function topUpOf(run: Run, payload: unknown): TermsCommand {
  const terms = commandOf(checkTerms(payload, { addRequired: true }));
  const problem = run.ready ? termsProblem(run.state.ledger, terms) : undefined;
  if (problem !== undefined) throw refused(problem, "invalid");
  return terms;
}

function applyTerms(run: Run, terms: TermsCommand): void {
  const { state } = run;
  state.ledger = changeTerms(state.ledger, { ...terms, at: now() });
  run.termsVersion += 1;
  if (terms.addNanoUsd !== undefined || terms.limitNanoUsd !== undefined) state.model = 0;
  const { limitNanoUsd, frozen } = state.ledger;
  const reason = terms.reason === undefined ? {} : { reason: terms.reason };
  recordEvent(run, "wflo.budget.changed", { by: terms.by, limitNanoUsd, frozen, ...reason });
  recordAudit(run, "budget.changed", { limitNanoUsd, frozen, ...reason }, terms.by);
  if (isHeld(run)) run.callScope?.cancel();
}

function judge(run: Run, word: DecisionCommand): Decided | { kind: "refused"; reason: "unknown"; message: string } {
  const gate = run.state.gates.find((candidate) => candidate.gate === word.gate);
  if (!gate) {
    const known = run.state.gates.map((candidate) => candidate.gate).join(", ") || "none";
    return { kind: "refused", reason: "unknown", message: `there is no gate ${word.gate}; the gates are: ${known}` };
  }
  return decide(gate, { ...word, identity: "asserted", at: now() });
}

function takeWord(run: Run, word: DecisionCommand): void {
  const outcome = judge(run, word);
  if (outcome.kind === "refused") noteRefusal(run, word.decision, outcome.message, word.by);
  else applyDecision(run, word, outcome.gate);
}

function applyDecision(run: Run, word: DecisionCommand, judged: Gate): void {
  // What was approved is what runs: the digest moves along with an approver's arguments.
  const gate = word.args === undefined ? judged : { ...judged, digest: digestOfGate(run, judged) };
  putGate(run, gate);
  const facts = { gate: gate.gate, tool: gate.tool, decision: word.decision, digest: gate.digest, state: gate.state };
  const said = word.comment === undefined ? {} : { comment: word.comment.slice(0, 500) };
  recordEvent(run, "wflo.approval.decided", { ...facts, by: word.by, ...said });
  recordAudit(run, `approval.${word.decision}`, { ...facts, ...said }, word.by);
  const waitSeconds = (nowMs() - Date.parse(gate.requestedAt)) / 1_000;
  if (gate.state !== "pending") meters.approvalDecided({ decision: word.decision, waitSeconds });
}

/** The turn whose model call will have what is said now: a call that is under way does not hear it. */
function nextHearing(run: Run): number {
  return run.state.turn + (run.callScope === null ? 1 : 2);
}

function addMessage(run: Run, { text, by }: MessageCommand): void {
  const message = { role: "user", text, turn: nextHearing(run), ...(by === undefined ? {} : { by }) } as const;
  run.state.inbox = [...run.state.inbox, message];
}

function steer(run: Run, paused: boolean, by: string | undefined): void {
  if (run.state.paused === paused) return;
  run.state.paused = paused;
  recordAudit(run, paused ? "run.paused" : "run.resumed", {}, by);
  if (paused) run.callScope?.cancel();
}

function noteRefusal(run: Run, command: string, message: string, by?: string): void {
  recordAudit(run, "command.refused", { command, message: message.slice(0, 1_000) }, by);
}

function commandOf<T>(checked: Checked<T>): T {
  if ("problems" in checked) throw refused(checked.problems.join("; "), "invalid");
  return checked.command;
}

function refused(message: string, reason: string): ApplicationFailure {
  return ApplicationFailure.nonRetryable(message, "Refused", { reason });
}
