import { condition, defineQuery, defineSignal, defineUpdate, setHandler } from "@temporalio/workflow";
import { checkBudgetCheck } from "../core/account-input.js";
import {
  type Checked,
  checkDecision,
  checkMessage,
  checkReconcile,
  checkSteer,
  type MessageCommand,
} from "../core/commands.js";
import { type GateView, viewGate } from "../core/gate.js";
import { jsonBytes } from "../core/input-bound.js";
import type { BudgetView, Reconciled, RunBudgetView } from "../core/ledger-report.js";
import type { FilesView, TranscriptView } from "../core/messages.js";
import type { RunStatus } from "../core/run.js";
import { hearAccount, leaseView } from "./account-lease.js";
import { budgetOf, takeSentTerms, takeTerms, topUpOf } from "./budget-terms.js";
import { checkText } from "./calls.js";
import { commandOf, noteRefusal, once } from "./commands.js";
import { refusalAtOnce, refusedBecause, takeWord } from "./decisions.js";
import { recordAudit } from "./outbox.js";
import { takeReconciled } from "./reconciled-attempts.js";
import type { Run } from "./run-context.js";
import { sayTools, statusOf } from "./run-status.js";
import { onceStored } from "./store.js";

/** Wires CONTRACT's signals, queries and updates to a run. Commands that come while the run is being restored wait for it. */
export function listen(run: Run): void {
  setHandler(defineQuery<RunStatus>("status"), () => statusOf(run));
  setHandler(defineQuery<RunBudgetView>("budget"), () => budgetOf(run));
  setHandler(defineQuery<ReturnType<typeof leaseView>>("lease"), () => leaseView(run));
  setHandler(defineQuery<GateView[]>("approvals"), () => run.state.gates.map(viewGate));
  setHandler(defineQuery<FilesView>("files"), () => filesOf(run));
  setHandler(defineQuery<TranscriptView>("transcript"), () => ({ head: run.state.head, turns: run.state.turn }));
  listenToSignals(run);
  listenToUpdates(run);
}

function filesOf({ state: { files, filesRef } }: Run): FilesView {
  return { files, ...(filesRef === null ? {} : { filesRef }) };
}

function listenToSignals(run: Run): void {
  /**
   * A payload that is wrong changes nothing, and is on record. Without a wait where there is nothing to wait for: a signal
   * that comes with the run's last step is then seen by it, and thousands of them are a matter of moments.
   */
  const on = <T>(name: string, check: (payload: unknown) => Checked<T>, act: (command: T) => void | Promise<void>) => {
    const take = (payload: unknown) => {
      const checked = check(payload);
      if ("command" in checked) return act(checked.command);
      return noteRefusal(run, name, checked.problems.join("; "));
    };
    setHandler(defineSignal<[unknown]>(name), (payload) =>
      run.ready ? take(payload) : condition(() => run.ready).then(() => take(payload)),
    );
  };
  on("budgetCheck", checkBudgetCheck, (word) => {
    if ("lease" in word) hearAccount(run, word.lease);
    else takeSentTerms(run, word);
  });
  for (const decision of ["approve", "reject"] as const) {
    const check = (payload: unknown) => checkDecision(payload, decision);
    on(decision, check, async (word) => {
      const outcome = await takeWord(run, word);
      if (outcome.kind === "refused") noteRefusal(run, decision, outcome.message, word.by);
    });
  }
  on("message", checkMessage, (message) => {
    if (isSmall(message) && run.messagesChecking === 0) return void addMessage(run, message);
    return takeMessage(run, message).then((outcome) => {
      if ("problem" in outcome) noteRefusal(run, "message", outcome.problem, message.by);
    });
  });
  on("pause", checkSteer, ({ by }) => steer(run, true, by));
  on("resume", checkSteer, ({ by }) => steer(run, false, by));
}

function listenToUpdates(run: Run): void {
  const ready = async () => await condition(() => run.ready);
  // Validators are synchronous: the SDK ignores what an async one throws. A refused update writes no history.
  setHandler(
    defineUpdate<GateView, [unknown]>("decideApproval"),
    async (payload) => {
      await ready();
      const outcome = await takeWord(run, commandOf(checkDecision(payload)));
      if (outcome.kind === "refused") throw refusedBecause(outcome.message, outcome.reason);
      return viewGate(outcome.gate);
    },
    {
      validator: (payload) => {
        const word = commandOf(checkDecision(payload));
        if (!run.ready) return;
        const refusal = refusalAtOnce(run, word);
        if (refusal) throw refusedBecause(refusal.message, refusal.reason);
      },
    },
  );
  setHandler(
    defineUpdate<BudgetView, [unknown]>("addBudget"),
    async (payload) => {
      await ready();
      takeTerms(run, topUpOf(run, payload));
      return budgetOf(run);
    },
    { validator: (payload) => void topUpOf(run, payload) },
  );
  setHandler(
    defineUpdate<Reconciled, [unknown]>("reconcile"),
    async (payload) => {
      await ready();
      const reconciled = takeReconciled(run, commandOf(checkReconcile(payload)));
      return { ...budgetOf(run), reconciled };
    },
    { validator: (payload) => void commandOf(checkReconcile(payload)) },
  );
  setHandler(
    defineUpdate<{ turn: number }, [unknown]>("sendMessage"),
    async (payload) => {
      await ready();
      const outcome = await takeMessage(run, commandOf(checkMessage(payload)));
      if ("problem" in outcome) throw refusedBecause(outcome.problem, "invalid");
      return outcome;
    },
    {
      validator: (payload) => {
        commandOf(checkMessage(payload));
        const { ending } = run.state;
        if (!ending || ending.status === "completed") return;
        throw refusedBecause(`the run ends (${ending.status}), so no model will hear this; fork it instead`, "ending");
      },
    },
  );
}

/** A message above this is looked after by the store. */
const INLINE_MESSAGE_BYTES = 4 * 1024;

/** Messages with an id whose turn is remembered, so that a repeated one is answered as the first. */
const TOLD_REMEMBERED = 50;

/** Takes what a person says; the turn that has it. Messages stay in the order in which they came. */
async function takeMessage(run: Run, message: MessageCommand): Promise<{ turn: number } | { problem: string }> {
  const small = isSmall(message);
  if (small && run.messagesChecking === 0) return addMessage(run, message);
  run.messagesChecking += 1;
  const before = run.messageTurn;
  let done = () => {};
  run.messageTurn = new Promise((resolve) => {
    done = resolve;
  });
  try {
    await before;
    if (small) return addMessage(run, message);
    const checked = await onceStored(run, async () => await checkText(message.text));
    return "problem" in checked ? checked : addMessage(run, { ...message, text: checked.text });
  } catch (error) {
    // Nothing that a person sends ends the run.
    return { problem: `text: cannot be read: ${error instanceof Error ? error.message : error}` };
  } finally {
    run.messagesChecking -= 1;
    done();
  }
}

function isSmall({ text }: MessageCommand): boolean {
  return typeof text === "string" && jsonBytes(text) <= INLINE_MESSAGE_BYTES;
}

function addMessage(run: Run, { text, by, id }: MessageCommand): { turn: number } {
  const { state } = run;
  let turn = state.told.findLast((told) => told.id === id)?.turn ?? nextHearing(run);
  once(run, "message", id, () => {
    turn = nextHearing(run);
    const message = { role: "user", text, turn, ...(by === undefined ? {} : { by }) } as const;
    state.inbox = [...state.inbox, message];
    if (id !== undefined) state.told = [...state.told, { id, turn }].slice(-TOLD_REMEMBERED);
  });
  return { turn };
}

/** The turn whose model call will have what is said now: a question that is out does not hear it. */
function nextHearing({ state }: Run): number {
  return state.turn + (state.asking ? 2 : 1);
}

function steer(run: Run, paused: boolean, by: string | undefined): void {
  const { state } = run;
  if (state.paused === paused) return;
  state.paused = paused;
  recordAudit(run, paused ? "run.paused" : "run.resumed", {}, by);
  if (paused) run.callScope?.cancel();
  if (state.calls.length > 0) sayTools(run);
}
