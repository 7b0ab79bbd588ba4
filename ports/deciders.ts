import type { SignedDecisionRequest } from "../core/signed-decision.js";

/** Knows the keys of those who decide on gates. */
export interface Deciders {
  /** Why a signature does not count; undefined: the decider's own key has signed just this. */
  problemOf(signed: SignedDecisionRequest): Promise<string | undefined>;
}

/** Where no keys are known, no signature counts. */
export const NO_DECIDERS: Deciders = {
  problemOf: async () => "no approvers' keys are known here: set WFLO_APPROVER_KEYS for the workers",
};
