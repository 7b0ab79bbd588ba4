import type { EgressRecord } from "../../core/egress.js";
import type { OpenEgressPolicy } from "../../ports/egress.js";

/** What a worker says to its proxy's process. */
export type EgressQuestion =
  | { readonly id: number; readonly kind: "open"; readonly socketPath: string; readonly policy: OpenEgressPolicy }
  | { readonly id: number; readonly kind: "close"; readonly gate: number };

/** What the process answers, to each question once. */
export interface EgressAnswer {
  readonly id: number;
  readonly records?: readonly EgressRecord[];
  readonly error?: string;
}
