import type { LogRecord } from "../../ports/event-log.js";

interface Told {
  readonly id: string;
  readonly sequence: string;
  readonly type: string;
  readonly data: { readonly nanoUsd?: number; readonly unconfirmedNanoUsd?: number };
}

const COSTS = new Set(["wflo.model.called", "wflo.tool.called"]);
const ENDS = new Set(["wflo.run.completed", "wflo.run.failed", "wflo.run.canceled"]);

/**
 * What the events of runs do not agree on, for people: all that a run's events have added by its end has to be the cost that
 * its end tells of. Runs of which records are missing, or that a reset has told twice, are left out.
 */
export function disagreements(records: readonly (LogRecord & { readonly topic: string })[]): string[] {
  const runs = new Map<string, Map<string, Told>>();
  const twice = new Set<string>();
  for (const { topic, value } of records) {
    if (topic !== "wflo.events") continue;
    const told = JSON.parse(value) as Told;
    // A correction after the run's end is none of its own events.
    if (told.sequence === undefined) continue;
    const run = told.id.slice(0, told.id.lastIndexOf("/"));
    const events = runs.get(run) ?? new Map<string, Told>();
    runs.set(run, events);
    const before = events.get(told.id);
    if (before && JSON.stringify(before) !== value) twice.add(run);
    events.set(told.id, told);
  }
  return [...runs].filter(([run]) => !twice.has(run)).flatMap(([run, events]) => problemsOf(run, [...events.values()]));
}

function problemsOf(run: string, events: readonly Told[]): string[] {
  const inOrder = events.toSorted((a, b) => a.sequence.localeCompare(b.sequence));
  const isWhole = inOrder.every(({ sequence }, index) => Number(sequence) === index + 1);
  if (!isWhole) return [];
  const problems: string[] = [];
  let sum = 0;
  for (const { type, data } of inOrder) {
    if (COSTS.has(type)) sum += (data.nanoUsd ?? 0) + (data.unconfirmedNanoUsd ?? 0);
    if (ENDS.has(type) && data.nanoUsd !== sum)
      problems.push(`${run}: ${type} says ${data.nanoUsd}, its events add up to ${sum}`);
  }
  return problems;
}
