import type { DecisionSigner, GateView, RunHandle } from "../client/index.js";
import { canonicalJson } from "../core/digest.js";
import { askAboutGate, elsewhereWords } from "./gate-prompt.js";
import type { LiveView } from "./live-view.js";
import type { Prompt } from "./prompt.js";

/** Asks the person at the terminal about a run's gates, one after the other, while the run is being watched. */
export interface GateDesk {
  /** Somebody is asked here. */
  readonly asks: boolean;
  /** A gate was opened or has changed. */
  hear(gate: GateView): void;
  /** Takes the question back; resolves when the terminal is free. */
  suspend(): Promise<void>;
  /** Asks again. */
  resume(): void;
}

/** Where nobody can be asked: says how to decide from elsewhere. */
export function createSilentDesk(workflowId: string, view: LiveView): GateDesk {
  const told = new Set<string>();
  return {
    asks: false,
    hear(gate) {
      if (gate.state !== "pending" || told.has(gate.gate)) return;
      told.add(gate.gate);
      view.say(`  ${elsewhereWords(workflowId, gate)}`);
    },
    suspend: async () => undefined,
    resume: () => undefined,
  };
}

export function createGateDesk(
  run: Pick<RunHandle, "workflowId" | "decide" | "approvals">,
  {
    prompt,
    by,
    sign,
    view,
    failed,
  }: {
    prompt: Prompt;
    by: string;
    sign?: DecisionSigner | undefined;
    view: LiveView;
    failed: (error: unknown) => void;
  },
): GateDesk {
  /** The newest state of each gate, the ones to ask about in order. */
  const open = new Map<string, GateView>();
  /** Gates that this person has answered, or leaves to others, as they were then. */
  const answered = new Map<string, string>();
  let asking: { readonly gate: string; readonly stop: AbortController } | undefined;
  let working = Promise.resolve();
  let isSuspended = false;

  const next = () => [...open.values()].find((gate) => answered.get(gate.gate) !== questionOf(gate));

  const ask = async (gate: GateView): Promise<void> => {
    const stop = new AbortController();
    asking = { gate: gate.gate, stop };
    view.hold();
    try {
      const answer = await askAboutGate(run, gate, { prompt, by, sign, signal: stop.signal });
      if (answer.kind === "over") return;
      answered.set(gate.gate, questionOf(gate));
      if (answer.kind === "later") prompt.show(`  ${elsewhereWords(run.workflowId, gate)}`);
      if (answer.kind === "decided" && answer.gate.state === "pending") {
        prompt.show(`  ${gate.gate} needs ${gate.quorum} people; you are one of them.`);
        answered.set(gate.gate, questionOf(answer.gate));
      }
      if (answer.kind === "refused") prompt.show(`  ${answer.refusal.message}\n  → ${answer.refusal.advice}`);
      if (answer.kind === "refused" && answer.refusal.reason === "stale") await refresh(gate.gate);
    } finally {
      asking = undefined;
      view.release();
    }
  };

  const refresh = async (id: string) => {
    const gate = (await run.approvals()).find((one) => one.gate === id);
    if (gate?.state === "pending") open.set(id, gate);
    else open.delete(id);
  };

  const work = async () => {
    for (let gate = next(); gate && !isSuspended; gate = next()) await ask(gate);
  };

  const goOn = () => {
    working = working.then(work).catch(failed);
  };

  return {
    asks: true,
    hear(gate) {
      const before = open.get(gate.gate);
      if (gate.state === "pending") open.set(gate.gate, gate);
      else open.delete(gate.gate);
      const isAnotherQuestion = before !== undefined && questionOf(before) !== questionOf(gate);
      if (asking?.gate === gate.gate && (gate.state !== "pending" || isAnotherQuestion)) asking.stop.abort();
      goOn();
    },
    async suspend() {
      isSuspended = true;
      asking?.stop.abort();
      await working;
    },
    resume() {
      isSuspended = false;
      goOn();
    },
  };
}

/** What a person is asked: another digest or another round of people is another question. */
function questionOf({ gate, digest, approvers, deadline }: GateView): string {
  return canonicalJson({ gate, digest, approvers, deadline });
}
