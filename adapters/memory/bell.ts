/** Wakes whoever waits. Between looking and waiting there must be no `await`, so that no ring is missed. */
export interface Bell {
  ring(): void;
  /** The next ring. */
  next(): Promise<void>;
}

export function createBell(): Bell {
  const waiting = new Set<() => void>();
  return {
    ring() {
      const all = [...waiting];
      waiting.clear();
      for (const wake of all) wake();
    },
    next: async () => await new Promise<void>((resolve) => waiting.add(resolve)),
  };
}
