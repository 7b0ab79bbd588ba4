import type { ToolCallRequest, ToolCallResult } from "./activity-contract.js";
import type { AuditRecord } from "./audit.js";
import { clipped } from "./clip.js";
import { checkSteer } from "./commands.js";
import { canonicalJson } from "./digest.js";
import type { JsonObject } from "./json.js";

/*
 * What people and tools did to a run, as its history has it, and the records that such deeds leave. Told from the events
 * alone, without the workflow's code: a second opinion on who decided what.
 */

/** An event's place: a long run has several histories, each with its own numbers. */
export interface EventPlace {
  readonly runId: string;
  readonly event: number;
}

/** An event that leaves a record, or may. */
export interface Deed extends EventPlace {
  /** For people, such as `the signal approve by "ana"`. */
  readonly what: string;
  /** It leaves one record, of one of these kinds; the first kind that there is counts. */
  readonly traces: readonly Trace[];
  /** It may have changed nothing, and then leaves no record. */
  readonly maybeNone: boolean;
}

/** What a record says at least. */
interface Trace {
  readonly action: string;
  readonly bys: readonly (string | undefined)[];
  readonly facts: JsonObject;
}

/** Actions that somebody else causes, never the run by itself. */
const CAUSED = [
  ...["approval.approve", "approval.reject", "budget.changed", "budget.reconciled", "run.paused", "run.resumed"],
  ...["code.executed", "tool.refused", "command.refused"],
];

/** Of runs and of accounts. */
const TERMS_UPDATES = ["addBudget", "setLimit", "freeze", "unfreeze"];

const WORD_BYTES = 100;

type ToolCallOf = Pick<ToolCallRequest, "tool" | "callId" | "turn">;

/** Takes a run's deeds in the order of its histories. */
export interface DeedBook {
  readonly deeds: readonly Deed[];
  signal(place: EventPlace, name: string, payload: unknown): void;
  /** An update that was answered and not refused. */
  update(place: EventPlace, name: string, payload: unknown): void;
  toolRan(place: EventPlace, call: ToolCallOf, result: ToolCallResult): void;
  /** The run ended with a result. */
  ended(place: EventPlace, status: string): void;
}

export function createDeedBook(): DeedBook {
  const deeds: Deed[] = [];
  const termsIds = new Set<string>();
  let isPaused = false;

  const add = (place: EventPlace, what: string, traces: readonly Trace[], maybeNone = false) =>
    void deeds.push({ ...place, what, traces, maybeNone });
  /** Terms with an id count once. */
  const isRepeated = (payload: unknown) => {
    const id = textOf(payload, "id");
    if (id === undefined) return false;
    const known = termsIds.has(id);
    termsIds.add(id);
    return known;
  };
  const steer = (place: EventPlace, name: "pause" | "resume", payload: unknown) => {
    const isWrong = "problems" in checkSteer(payload);
    const changesNothing = isPaused === (name === "pause");
    if (!isWrong) isPaused = name === "pause";
    const action = name === "pause" ? "run.paused" : "run.resumed";
    const traces = isWrong ? [refusal(name, payload)] : [trace(action, [textOf(payload, "by")])];
    add(place, words("signal", name, payload), traces, !isWrong && changesNothing);
  };

  return {
    deeds,
    signal(place, name, payload) {
      const what = words("signal", name, payload);
      const refused = refusal(name, payload);
      if (name === "approve" || name === "reject") add(place, what, [decision(name, payload), refused]);
      else if (isLeaseTalk(name, payload)) add(place, what, [refused], true);
      else if (name === "budgetCheck") add(place, what, [newTerms(payload), refused], isRepeated(payload));
      else if (name === "message") add(place, what, [refused], true);
      else if (name === "pause" || name === "resume") steer(place, name, payload);
    },
    update(place, name, payload) {
      const what = words("update", name, payload);
      if (name === "decideApproval") add(place, what, [decision(textOf(payload, "decision") ?? "", payload)]);
      else if (TERMS_UPDATES.includes(name)) add(place, what, [newTerms(payload)], isRepeated(payload));
      else if (name === "reconcile")
        add(place, what, [trace("budget.reconciled", [textOf(payload, "by")])], isRepeated(payload));
    },
    toolRan(place, { tool, callId, turn }, { backend, stale }) {
      const what = `the result of ${tool} in turn ${turn}`;
      const facts = { turn, tool, callId };
      if (backend) add(place, what, [trace("code.executed", [undefined], { ...facts, backend })]);
      if (stale) add(place, what, [trace("tool.refused", [undefined], { ...facts, why: "stale" })]);
    },
    ended: (place, status) => add(place, "the run's end", [trace("run.ended", [undefined], { status })]),
  };
}

/** Deeds without a record, and records of deeds that nobody did. */
export interface Unmatched {
  readonly deeds: readonly Deed[];
  readonly records: readonly AuditRecord[];
}

/** Finds a record for each deed. Those that can be told by one kind of record alone choose first. */
export function matchDeeds(deeds: readonly Deed[], records: readonly AuditRecord[]): Unmatched {
  const left = new Map<string, Set<AuditRecord>>();
  for (const record of records) left.set(record.action, (left.get(record.action) ?? new Set()).add(record));
  const take = (wanted: Trace): boolean => {
    for (const record of left.get(wanted.action) ?? []) {
      if (fits(record, wanted)) return left.get(wanted.action)?.delete(record) === true;
    }
    return false;
  };
  const choices = ({ traces, maybeNone }: Deed) => traces.length + (maybeNone ? 10 : 0);
  const choosing = [...deeds].sort((one, other) => choices(one) - choices(other));
  const lost = new Set(choosing.filter((deed) => !deed.traces.some(take) && !deed.maybeNone));
  return {
    deeds: deeds.filter((deed) => lost.has(deed)),
    records: records.filter((record) => isCaused(record) && left.get(record.action)?.has(record)),
  };
}

/** A run that was to end, and heard something, resumes by itself. */
function isCaused({ action, facts }: AuditRecord): boolean {
  return CAUSED.includes(action) && !(action === "run.resumed" && facts.why !== undefined);
}

function fits({ by, facts }: AuditRecord, wanted: Trace): boolean {
  if (!wanted.bys.includes(by)) return false;
  return Object.entries(wanted.facts).every(([name, value]) => canonicalJson(facts[name]) === canonicalJson(value));
}

function trace(action: string, bys: Trace["bys"], facts: JsonObject = {}): Trace {
  return { action, bys, facts };
}

/** Runs and accounts speak of leases all the time: that is no deed of anybody. */
function isLeaseTalk(name: string, payload: unknown): boolean {
  if (name === "lease") return true;
  return name === "budgetCheck" && typeof payload === "object" && payload !== null && "lease" in payload;
}

function decision(word: string, payload: unknown): Trace {
  return trace(`approval.${word}`, [textOf(payload, "by")], { gate: textOf(payload, "gate") ?? null });
}

function newTerms(payload: unknown): Trace {
  return trace("budget.changed", [textOf(payload, "by") ?? "unknown"]);
}

/** A payload that is wrong is refused without a name. */
function refusal(command: string, payload: unknown): Trace {
  return trace("command.refused", [undefined, textOf(payload, "by")], { command });
}

function words(kind: "signal" | "update", name: string, payload: unknown): string {
  const [by, gate] = [textOf(payload, "by"), textOf(payload, "gate")];
  const on = gate === undefined ? "" : ` on ${JSON.stringify(clipped(gate, WORD_BYTES))}`;
  return `the ${kind} ${name}${on}${by === undefined ? "" : ` by ${JSON.stringify(clipped(by, WORD_BYTES))}`}`;
}

/** A field that is a text; an empty one counts as left out. */
function textOf(payload: unknown, name: string): string | undefined {
  if (typeof payload !== "object" || payload === null || !Object.hasOwn(payload, name)) return undefined;
  const value = (payload as Readonly<Record<string, unknown>>)[name];
  return typeof value === "string" && value !== "" ? value : undefined;
}
