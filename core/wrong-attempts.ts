/** Counts what somebody got wrong: after too much of it nobody is heard for a while. */
export interface WrongAttempts {
  isHeard(who: string, nowMs: number): boolean;
  note(who: string, nowMs: number): void;
}

const MINUTE_MS = 60_000;
/** Of one address in a minute. */
const MOST_WRONG = 10;

export function createWrongAttempts(most: number = MOST_WRONG): WrongAttempts {
  const wrong = new Map<string, { count: number; readonly since: number }>();
  return {
    isHeard(who, nowMs) {
      const seen = wrong.get(who);
      return !seen || nowMs - seen.since > MINUTE_MS || seen.count < most;
    },
    note(who, nowMs) {
      const seen = wrong.get(who);
      if (seen && nowMs - seen.since <= MINUTE_MS) {
        seen.count += 1;
        return;
      }
      for (const [other, { since }] of wrong) if (nowMs - since > MINUTE_MS) wrong.delete(other);
      wrong.set(who, { count: 1, since: nowMs });
    },
  };
}
