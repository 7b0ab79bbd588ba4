/** What a caller of one of our HTTP surfaces may do; each may do what those before it may. */
export const ROLES = ["viewer", "approver", "operator"] as const;
export type Role = (typeof ROLES)[number];

export const isRole = (word: unknown): word is Role => ROLES.includes(word as Role);

/** True where a role may do what another one is asked for. */
export function mayActAs(role: Role, wanted: Role): boolean {
  return ROLES.indexOf(role) >= ROLES.indexOf(wanted);
}

/** The strongest of these words that is a role; undefined: none is. */
export function strongestRole(words: readonly unknown[]): Role | undefined {
  return ROLES.findLast((role) => words.includes(role));
}
