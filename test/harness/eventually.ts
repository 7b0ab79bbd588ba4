import { setTimeout as pause } from "node:timers/promises";

/** Waits until a fact holds, looking again and again; fails with the fact's own message after `withinMs`. */
export async function eventually<T>(
  fact: () => Promise<T> | T,
  { withinMs = 20_000 }: { readonly withinMs?: number } = {},
): Promise<T> {
  const until = performance.now() + withinMs;
  for (;;) {
    try {
      return await fact();
    } catch (error) {
      if (performance.now() > until) throw error;
    }
    await pause(25);
  }
}
