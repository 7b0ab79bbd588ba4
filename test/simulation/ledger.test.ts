import { expect, test } from "@jest/globals";
import { randomFrom, seeds } from "./random.js";
import { SimulatedRun } from "./simulated-run.js";

/*
 * Whole runs against a provider that keeps its own bill: calls with ambiguous ends, retries, late answers, crashes with
 * replay, continue-as-new, top-ups, freezes, lowered limits. A failure prints its seed; WFLO_SEED=… runs it again.
 */

const RUNS = 1_500;

/** Everything that has to happen in some run, or the simulation proves less than it says. */
const HAPPENINGS = [
  "answered",
  "answered without usage",
  "billed above the bound",
  "bought beside",
  "continued as new",
  "crashed",
  "cut",
  "degraded",
  "exhausted",
  "explained to the last nano-dollar",
  "finished late",
  "fits exactly, or not by one",
  "found in the journal",
  "freeze",
  "killed after the answer",
  "killed after the journal",
  "killed before sending",
  "killed while it worked",
  "late answer",
  "late answer that nobody awaits",
  "late answer without usage",
  "limit below the books",
  "lost too long ago to be awaited",
  "lowered cap",
  "refused",
  "thaw",
  "timed out",
];

test("whatever happens to calls, workers and budgets: the limit holds and the provider's bill is on the books", () => {
  const happened = new Set<string>();
  const all = seeds(RUNS);
  for (const seed of all) {
    try {
      new SimulatedRun(randomFrom(seed), (happening) => happened.add(happening)).run();
    } catch (error) {
      throw new Error(`WFLO_SEED=${seed}: ${error instanceof Error ? error.message : error}`, { cause: error });
    }
  }
  if (all.length === RUNS) expect(HAPPENINGS.filter((happening) => !happened.has(happening))).toEqual([]);
  else expect(happened.size).toBeGreaterThan(0);
});

test("the same seed gives the same run", () => {
  const [first, second] = [0, 1].map(() => {
    const happened: string[] = [];
    new SimulatedRun(randomFrom(20_260_822), (happening) => happened.push(happening)).run();
    return happened;
  });
  expect(first).toEqual(second);
  expect(first?.length).toBeGreaterThan(0);
});
