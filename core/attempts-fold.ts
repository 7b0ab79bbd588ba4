import { epochMs } from "./instant.js";
import type { OurAttempt } from "./reconcile.js";
import type { Usage } from "./usage.js";

/** Attempts at models, out of runs' events; an event may come twice. Pure. */
export class AttemptsFold {
  readonly #seen = new Map<string, Set<string>>();
  readonly #attempts = new Map<string, { -readonly [K in keyof OurAttempt]: OurAttempt[K] }>();
  readonly #accounts = new Map<string, string>();

  /** Takes one document of the event log; what tells of no attempt is left out. */
  add(document: unknown): void {
    const event = asEvent(document);
    if (!event) return;
    const [workflowId, firstRunId, number] = placeOf(event.id);
    const run = `${workflowId}/${firstRunId}`;
    const seen = this.#seen.get(run) ?? new Set();
    if (seen.has(number)) return;
    this.#seen.set(run, seen.add(number));
    const { data } = event;
    if (event.type === "wflo.run.started" && typeof data.account === "string") this.#accounts.set(run, data.account);
    if (event.type !== "wflo.model.called" || typeof data.nanoUsd !== "number") return;
    // Of a late answer to an attempt of long ago the event says no number.
    if (typeof data.turn !== "number" || typeof data.attempt !== "number" || data.cached === true) return;
    const attempt = `t${data.turn}.a${data.attempt}`;
    const known = this.#attempts.get(`${run}/${attempt}`);
    this.#attempts.set(`${run}/${attempt}`, {
      workflowId,
      firstRunId,
      attempt,
      model: String(data.model),
      account: null,
      atMs: epochMs(event.time),
      ...known,
      ...(typeof data.requestId === "string" ? { requestId: data.requestId } : {}),
      ...(data.usage ? { usage: data.usage as Usage } : {}),
      confirmedNanoUsd: (known?.confirmedNanoUsd ?? 0) + data.nanoUsd,
      unconfirmedNanoUsd: (known?.unconfirmedNanoUsd ?? 0) + numberOf(data.unconfirmedNanoUsd),
    });
  }

  /** All attempts so far, in the order in which they were told. */
  attempts(): readonly OurAttempt[] {
    return [...this.#attempts.values()].map((attempt) => {
      return { ...attempt, account: this.#accounts.get(`${attempt.workflowId}/${attempt.firstRunId}`) ?? null };
    });
  }
}

interface AttemptEvent {
  readonly id: string;
  readonly type: string;
  readonly time: string;
  readonly data: Readonly<Record<string, unknown>>;
}

function asEvent(document: unknown): AttemptEvent | undefined {
  if (typeof document !== "object" || document === null) return undefined;
  const { id, type, time, data } = document as Partial<AttemptEvent>;
  if (typeof id !== "string" || typeof type !== "string" || typeof time !== "string") return undefined;
  return typeof data === "object" && data !== null ? { id, type, time, data } : undefined;
}

/** An event's id is `workflowId/firstRunId/number`; a workflow id may hold slashes. */
function placeOf(id: string): [workflowId: string, firstRunId: string, number: string] {
  const parts = id.split("/");
  return [parts.slice(0, -2).join("/"), parts.at(-2) ?? "", parts.at(-1) ?? ""];
}

function numberOf(value: unknown): number {
  return typeof value === "number" && Number.isSafeInteger(value) ? value : 0;
}
