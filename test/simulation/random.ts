import { randomInt } from "node:crypto";

/** A seeded source of choices: the same seed makes the same choices on every machine (mulberry32). */
export interface Random {
  /** A whole number from `from` to `to`, both included. */
  int(from: number, to: number): number;
  /** True so many times in a hundred. */
  percent(chance: number): boolean;
  pick<T>(choices: readonly T[]): T;
}

export function randomFrom(seed: number): Random {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const int = (from: number, to: number) => from + Math.floor(next() * (to - from + 1));
  return {
    int,
    percent: (chance) => int(1, 100) <= chance,
    pick: (choices) => {
      if (choices.length === 0) throw new Error("there is something to pick from");
      return choices[int(0, choices.length - 1)] as never;
    },
  };
}

/** Seeds of a test's schedules: new ones in each run, or the one that `WFLO_SEED` names (a failure prints it). */
export function seeds(count: number): readonly number[] {
  const wanted = process.env.WFLO_SEED;
  if (wanted !== undefined) return [Number(wanted)];
  const first = randomInt(2 ** 31);
  return Array.from({ length: count }, (_, index) => first + index);
}
