import { clipped } from "./clip.js";
import { canonicalJson } from "./digest.js";
import type { Json } from "./json.js";

/** `typ` of a signed decision: a JWT of this kind counts for nothing else, and none of another kind counts here. */
export const DECISION_TOKEN_TYPE = "wflo-decision+jwt";

/** What a signed decision says, as the claims of a JWT: who decides what, on which gate of which run. */
export interface DecisionClaims {
  /** Who decides; the `kid` of the key that signs is the same name. */
  readonly sub: string;
  /** Workflow id. */
  readonly run: string;
  /** The run's first history, so that an id that is used again is another run. */
  readonly firstRunId: string;
  readonly gate: string;
  readonly decision: "approve" | "reject";
  /** The gate's digest, which the decision is about. */
  readonly digest: string;
  /** Arguments to run instead. */
  readonly args?: Json;
  readonly comment?: string;
}

/** Signs claims as a compact JWS whose `typ` is `wflo-decision+jwt` and whose `kid` is the decider's name. */
export type DecisionSigner = (claims: DecisionClaims) => Promise<string>;

/** What a gate's decision has to be signed as. */
export interface SignedDecisionRequest {
  readonly token: string;
  readonly claims: DecisionClaims;
}

/** The words of a refusal go onto the audit log. */
const TOLD_BYTES = 200;

const CLAIMS = ["sub", "run", "firstRunId", "gate", "decision", "digest", "args", "comment"] as const;

/** What a decision says; the digest has to be named. */
export function decisionClaims(
  {
    by,
    gate,
    decision,
    digest = "",
    args,
    comment,
  }: Omit<DecisionClaims, "sub" | "run" | "firstRunId" | "digest"> & {
    readonly by: string;
    readonly digest?: string;
  },
  { workflowId, firstRunId }: { readonly workflowId: string; readonly firstRunId: string },
): DecisionClaims {
  return {
    sub: by,
    run: workflowId,
    firstRunId,
    gate,
    decision,
    digest,
    ...(args === undefined ? {} : { args }),
    ...(comment === undefined ? {} : { comment }),
  };
}

/** Why what was signed is not what was sent; undefined: it is. More claims, such as `iat`, say nothing here. */
export function claimsProblem(signed: Readonly<Record<string, unknown>>, sent: DecisionClaims): string | undefined {
  for (const name of CLAIMS) {
    const [said, wanted] = [signed[name], sent[name]].map((value) => canonicalJson(value ?? null));
    if (said !== wanted) {
      return `its ${name} is ${clipped(String(said), TOLD_BYTES)}, and the decision's is ${clipped(String(wanted), TOLD_BYTES)}`;
    }
  }
  return undefined;
}
