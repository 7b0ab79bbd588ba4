/** Whether a provider is asked at all: closed, or open after too many failures in a row. Plain data. */
export interface Circuit {
  /** Failures since the last answer. */
  readonly failures: number;
  /** Nobody asks before this time, in epoch milliseconds; 0: closed. */
  readonly openUntilMs: number;
  /** One call is out to see whether the provider is back. */
  readonly probing: boolean;
}

export const CLOSED: Circuit = { failures: 0, openUntilMs: 0, probing: false };

/** So many failures in a row, over all calls of a process, open it. */
export const FAILURES_TO_OPEN = 5;
/** So long nobody asks; doubled each time that a probe fails. In milliseconds. */
const OPEN_MS = 10_000;
const LONGEST_OPEN_MS = 5 * 60_000;

/** Whether a call may be made now; the first one after the pause is a probe, and the others wait for it. */
export function mayCall(circuit: Circuit, nowMs: number): { readonly circuit: Circuit; readonly waitMs: number } {
  if (circuit.openUntilMs === 0) return { circuit, waitMs: 0 };
  if (nowMs < circuit.openUntilMs) return { circuit, waitMs: circuit.openUntilMs - nowMs };
  if (circuit.probing) return { circuit, waitMs: OPEN_MS };
  return { circuit: { ...circuit, probing: true }, waitMs: 0 };
}

/** The provider has answered, if only to refuse: it is there. */
export function answered(): Circuit {
  return CLOSED;
}

/** The provider did not answer, or has broken down. */
export function failed(circuit: Circuit, nowMs: number): Circuit {
  const failures = circuit.failures + 1;
  if (failures < FAILURES_TO_OPEN) return { ...circuit, failures, probing: false };
  const pause = Math.min(LONGEST_OPEN_MS, OPEN_MS * 2 ** Math.min(10, failures - FAILURES_TO_OPEN));
  // Calls that were out already when it opened say nothing new.
  const isLate = circuit.openUntilMs > nowMs && !circuit.probing;
  return isLate ? circuit : { failures, openUntilMs: nowMs + pause, probing: false };
}

/** A probe was ended by our own word: the next call is one. */
export function unprobed(circuit: Circuit): Circuit {
  return { ...circuit, probing: false };
}
