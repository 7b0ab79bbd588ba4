import type { Role } from "../core/roles.js";

/** Who calls one of our HTTP surfaces. */
export interface Caller {
  /** As they are known where they were looked up: a token's name, an address, a subject. */
  readonly name: string;
  readonly role: Role;
}

/** Says who a bearer token belongs to. */
export interface Access {
  /** Undefined: nobody. Rejects where the one who would know does not answer. */
  identify(token: string): Promise<Caller | undefined>;
}
