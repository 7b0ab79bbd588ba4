import { expect, test } from "@jest/globals";
import fc, { type Scheduler } from "fast-check";
import { type CallJournal, createCallJournal } from "../../activities/call-journal.js";
import { createMemoryObjectStore } from "../../adapters/memory/object-store.js";
import type { ObjectStore } from "../../ports/object-store.js";

/*
 * Processes that want the same answer, in every order that fast-check's scheduler comes up with: each call of the store
 * takes effect at one moment and is heard of at a later one, time passes between any two of them, processes renew their
 * leases or don't, answer, give up or die. What must hold is looked for where the store's calls take effect.
 */

const LEASE_MS = 2_000;
const KEY = "run/first/1/model-0";
const never = new AbortController().signal;

interface Attempt {
  /** So many other things happen before it begins. */
  readonly late: number;
  /** What becomes of it once it is told to buy. */
  readonly fate: "answers" | "gives up" | "dies";
  /** How the call goes on until then: each step takes so long, and the lease is renewed after it or is not. */
  readonly steps: readonly { readonly ms: number; readonly renews: boolean }[];
}

const attempts = fc.array(
  fc.record({
    late: fc.constantFrom(0, 0, 10, 40),
    fate: fc.constantFrom("answers", "answers", "gives up", "dies"),
    steps: fc.array(fc.record({ ms: fc.constantFrom(0, 300, 2_500), renews: fc.constantFrom(true, true, false) }), {
      maxLength: 5,
    }),
  }) satisfies fc.Arbitrary<Attempt>,
  { minLength: 2, maxLength: 4 },
);

const ticks = fc.array(fc.constantFrom(50, 700, 1_300, 2_100), { maxLength: 12 });

/** What the store saw, in the order in which it took effect. */
class Ledger {
  /** By slot: until when a sign of life reaches, and whether there was a moment without one since the start. */
  readonly leases = new Map<number, { untilMs: number; lapsed: boolean }>();
  /** Slots whose start was written when there was an answer already. */
  readonly needless = new Set<number>();
  answers: { readonly attempt: number; readonly answer: unknown }[] = [];
  readonly clock: { ms: number };
  constructor(clock: { ms: number }) {
    this.clock = clock;
  }

  written(name: string, value: { untilMs?: number; attempt: number; answer?: unknown }): void {
    const [, what = "", of = ""] = /\/(start|alive|ended|answer|late)(?:-(.+))?$/.exec(name) ?? [];
    const slot = Number(of);
    if (what === "start") {
      const before = this.leases.get(slot - 1);
      // Nobody starts beside a predecessor that has shown signs of life all the time.
      expect(slot === 1 || this.answers.length > 0 || before?.lapsed || (before?.untilMs ?? 0) <= this.clock.ms).toBe(
        true,
      );
      if (this.answers.length > 0) this.needless.add(slot);
      this.leases.set(slot, { untilMs: value.untilMs ?? 0, lapsed: (value.untilMs ?? 0) <= this.clock.ms });
    } else if (what === "alive" || what === "ended") {
      const lease = this.leases.get(slot);
      expect(lease).toBeDefined();
      if (!lease) return;
      lease.lapsed ||= what === "ended" || lease.untilMs <= this.clock.ms;
      lease.untilMs = Math.max(lease.untilMs, value.untilMs ?? 0);
    } else if (what === "answer" || what === "late") {
      this.answers = [...this.answers, { attempt: value.attempt, answer: value.answer }];
    }
  }
}

function interleaved(s: Scheduler, ledger: Ledger): ObjectStore {
  const store = createMemoryObjectStore();
  const call = async <T>(label: string, effect: () => Promise<T>): Promise<T> => {
    await s.schedule(Promise.resolve(), `${label} goes out`);
    const result = await effect();
    await s.schedule(Promise.resolve(), `${label} comes back`);
    return result;
  };
  const nameOf = (key: string) => key.slice(key.search(/[a-z]+(-[a-z0-9-]+)?$/));
  const write = (key: string, value: Uint8Array) => ledger.written(key, JSON.parse(new TextDecoder().decode(value)));
  return {
    ...store,
    get: async (key) => await call(`get ${nameOf(key)}`, async () => await store.get(key)),
    list: async (prefix) => await call("list", async () => await store.list(prefix)),
    put: async (key, value) =>
      await call(`put ${nameOf(key)}`, async () => {
        write(key, value);
        await store.put(key, value);
      }),
    putIfAbsent: async (key, value) =>
      await call(`put if absent ${nameOf(key)}`, async () => {
        const isFirst = await store.putIfAbsent(key, value);
        if (isFirst) write(key, value);
        return isFirst;
      }),
  };
}

interface Outcome {
  readonly attempt: number;
  readonly went?: number;
  readonly got?: unknown;
}

/** A worker that wants the answer, until it has it, gives up or dies. */
async function want(
  s: Scheduler,
  journal: CallJournal,
  ledger: Ledger,
  { late, fate, steps }: Attempt,
  attempt: number,
): Promise<Outcome> {
  for (let n = 0; n < late; n += 1) await s.schedule(Promise.resolve(), `attempt ${attempt} has not begun`);
  for (;;) {
    const isAnswered = ledger.answers.length > 0;
    const begun = await journal.begin(KEY, attempt);
    // An answer that is there is never bought again.
    if (isAnswered) expect(begun.kind).toBe("answered");
    if (begun.kind === "answered") return { attempt, got: begun.answer };
    if (begun.kind === "live") {
      const joined = await journal.join(KEY, never);
      if (joined !== undefined) return { attempt, got: joined };
      continue;
    }
    expect(ledger.needless.has(begun.attempts)).toBe(false);
    for (const { ms, renews } of steps) {
      await s.schedule(Promise.resolve(), `attempt ${attempt} works for ${ms} ms`);
      ledger.clock.ms += ms;
      if (renews) await journal.alive(KEY, attempt);
    }
    if (fate === "dies") return { attempt, went: begun.attempts };
    if (fate === "gives up") {
      await journal.ended(KEY, attempt, "429");
      return { attempt, went: begun.attempts };
    }
    const { winner } = await journal.answer(KEY, attempt, { by: attempt });
    return { attempt, went: begun.attempts, got: winner };
  }
}

async function passTime(s: Scheduler, clock: { ms: number }, tickMs: readonly number[]): Promise<void> {
  for (const ms of tickMs) {
    await s.schedule(Promise.resolve(), `${ms} ms pass`);
    clock.ms += ms;
  }
}

test("in whatever order things happen: nobody buys beside a live predecessor, an answer is never bought again, none is lost", async () => {
  const property = fc.asyncProperty(fc.scheduler(), attempts, ticks, async (s, plan, tickMs) => {
    const clock = { ms: 1_000_000 };
    const ledger = new Ledger(clock);
    const store = interleaved(s, ledger);
    const open = () =>
      createCallJournal(store, {
        leaseMs: LEASE_MS,
        now: () => clock.ms,
        pause: async (ms) => {
          await s.schedule(Promise.resolve(), "waits");
          clock.ms += ms;
        },
      });
    const wanting = plan.map(async (attempt, n) => await want(s, open(), ledger, attempt, n + 1));
    const [outcomes] = await s.waitFor(Promise.all([Promise.all(wanting), passTime(s, clock, tickMs)]));
    const went = outcomes.filter((outcome) => outcome.went !== undefined);
    expect(new Set(went.map((outcome) => outcome.went)).size).toBe(went.length);
    // Every answer that was bought is reported, and everybody has the one that counts.
    const bought = went.filter(({ attempt }) => plan[attempt - 1]?.fate === "answers").map(({ attempt }) => attempt);
    const reported = await s.waitFor(open().lateAnswers(KEY));
    expect(reported.map(({ attempt }) => attempt).sort()).toEqual(bought.sort());
    const got = outcomes.filter((outcome) => outcome.got !== undefined).map((outcome) => JSON.stringify(outcome.got));
    expect(new Set(got).size).toBeLessThanOrEqual(1);
    expect(got.length === 0).toBe(bought.length === 0);
  });
  await fc.assert(property, { numRuns: 400 });
});

test("while everybody lives and renews in time, one buys, whatever else happens in whatever order", async () => {
  const steps = fc.array(fc.constant({ ms: 300, renews: true }), { minLength: 1, maxLength: 4 });
  const property = fc.asyncProperty(
    fc.scheduler(),
    fc.array(steps, { minLength: 2, maxLength: 4 }),
    async (s, plan) => {
      // So much time that it never runs out: what is left is the order of things.
      const clock = { ms: 1_000_000 };
      const ledger = new Ledger(clock);
      const store = interleaved(s, ledger);
      const open = () =>
        createCallJournal(store, {
          leaseMs: 1_000_000,
          now: () => clock.ms,
          pause: async () => await s.schedule(Promise.resolve()),
        });
      const wanting = plan.map(
        async (each, n) => await want(s, open(), ledger, { late: 0, fate: "answers", steps: each }, n + 1),
      );
      const outcomes = await s.waitFor(Promise.all(wanting));
      const went = outcomes.filter((outcome) => outcome.went !== undefined);
      expect(went.map((outcome) => outcome.went)).toEqual([1]);
      expect(outcomes.map((outcome) => outcome.got)).toEqual(plan.map(() => ({ by: went[0]?.attempt })));
    },
  );
  await fc.assert(property, { numRuns: 200 });
});
