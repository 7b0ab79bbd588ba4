/** What stands between code and the host, strongest first. */
export const ISOLATIONS = ["vm", "gvisor", "namespace", "wasm"] as const;

export type Isolation = (typeof ISOLATIONS)[number];

export function isIsolation(value: unknown): value is Isolation {
  return ISOLATIONS.some((isolation) => isolation === value);
}

/** Whether one is as strong as what is wanted; what nobody knows is not. */
export function isAtLeast(isolation: Isolation | undefined, wanted: Isolation): boolean {
  return isolation !== undefined && ISOLATIONS.indexOf(isolation) <= ISOLATIONS.indexOf(wanted);
}
