import type { FailureType } from "../core/failures.js";
import { FAILURES, isFailureType } from "../core/failures.js";
import type { RefusalReason } from "../core/gate.js";

/**
 * Why a call did not go through.
 * `unreachable`: no Temporal server answers · `no-worker`: nobody works on the run's task queue · `no-such-run` · `no-such-schedule` ·
 * `run-ended`: too late for a command · `run-going-on`: too early for what is asked · `no-such-namespace` · `id-taken`: there is a run of this id · `denied`: the server
 * does not let this caller in · `refused`: the run says no · `configuration`: a TEMPORAL_* variable is wrong ·
 * `blob`: a blob is missing or has other content · `server`: the server answered with something else
 */
export type ClientErrorKind =
  | "unreachable"
  | "no-worker"
  | "no-such-run"
  | "run-ended"
  | "run-going-on"
  | "no-such-namespace"
  | "no-such-schedule"
  | "id-taken"
  | "denied"
  | "refused"
  | "configuration"
  | "blob"
  | "server";

/** A call that did not go through: what happened (message), what to do (advice). Compare `kind`. */
export class ClientError extends Error {
  override readonly name: string = "ClientError";
  readonly kind: ClientErrorKind;
  readonly advice: string;

  constructor(kind: ClientErrorKind, message: string, advice: string, options: { readonly cause?: unknown } = {}) {
    super(message, options);
    this.kind = kind;
    this.advice = advice;
  }
}

/** Why a run refused a command: a gate's reasons, `unknown` for a gate that is not there, `invalid` for a wrong payload. */
export type CommandRefusalReason = RefusalReason | "unknown" | "invalid";

/** The run refused a command; nothing was changed. */
export class CommandRefused extends ClientError {
  override readonly name = "CommandRefused";
  readonly reason: CommandRefusalReason;

  constructor(reason: CommandRefusalReason, message: string, options: { readonly cause?: unknown } = {}) {
    super("refused", message, REFUSAL_ADVICE[reason], options);
    this.reason = reason;
  }
}

const LOOK_AGAIN = "Look at the gate again with `wflo approvals ID`.";

const REFUSAL_ADVICE: Readonly<Record<CommandRefusalReason, string>> = {
  closed: "Nothing is left to decide; `wflo approvals ID` shows who decided.",
  late: "Nothing is left to decide; give gates more time with `approvals.timeout`.",
  stale: LOOK_AGAIN,
  edited: "Look at the edited arguments with `wflo approvals ID`, then approve with `--digest`.",
  "not-allowed": "Ask one of the people that the gate names, or decide with `--by NAME` as one of them.",
  duplicate: "Somebody else has to decide too.",
  unverified: "Sign it: `wflo approve ID GATE --key FILE`, with a key that the workers know (WFLO_APPROVER_KEYS).",
  "own-request": "Ask somebody else to decide.",
  unknown: "Ask `wflo approvals ID` for the gates of this run.",
  invalid: "Correct what is named, and send it again.",
};

/** Ends of a run that are no result, beside the contract's failure types. */
export type RunFailureType = FailureType | "Canceled" | "Terminated" | "TimedOut";

/** A run that ended without a result. `type` is one of the contract's, `Canceled`, `Terminated` or `TimedOut`. */
export class RunFailed extends Error {
  override readonly name = "RunFailed";
  readonly workflowId: string;
  readonly type: RunFailureType | (string & {});
  /** What to do. */
  readonly advice: string;
  /** What the failure says besides its message, such as the `problems` of `InvalidInput`. */
  readonly facts: unknown;

  constructor(
    workflowId: string,
    failure: { readonly type: string; readonly message: string; readonly facts?: unknown },
    options: { readonly cause?: unknown } = {},
  ) {
    super(failure.message, options);
    this.workflowId = workflowId;
    this.type = failure.type;
    this.advice = adviceFor(failure.type);
    this.facts = failure.facts;
  }
}

function adviceFor(type: string): string {
  if (isFailureType(type)) return FAILURES[type].advice;
  switch (type) {
    case "Canceled":
      return "Go on from where it was with `wflo fork ID`.";
    case "Terminated":
      return "It was ended from outside; what it had under way is on nobody's books. Go on with `wflo fork ID`.";
    default:
      return "Look at the run in the Temporal Web UI.";
  }
}
