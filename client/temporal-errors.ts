import {
  isGrpcServiceError,
  QueryNotRegisteredError,
  WorkflowNotFoundError,
  WorkflowUpdateFailedError,
  WorkflowUpdateRPCTimeoutOrCancelledError,
} from "@temporalio/client";
import { ApplicationFailure, NamespaceNotFoundError, WorkflowExecutionAlreadyStartedError } from "@temporalio/common";
import { ClientError, type CommandRefusalReason, CommandRefused } from "./client-error.js";

/** What a call was about: enough to say what went wrong with which thing. */
export interface CallPlace {
  readonly address: string;
  readonly namespace: string;
  readonly workflowId?: string;
  readonly taskQueue?: string;
  /** A worker has to answer it (queries and updates). */
  readonly needsWorker?: boolean;
}

/** Codes of gRPC. */
const CANCELLED = 1;
const UNKNOWN = 2;
const DEADLINE_EXCEEDED = 4;
const NOT_FOUND = 5;
const PERMISSION_DENIED = 7;
const RESOURCE_EXHAUSTED = 8;
const FAILED_PRECONDITION = 9;
const ABORTED = 10;
const UNAVAILABLE = 14;
const UNAUTHENTICATED = 16;

const START_A_SERVER = "Start one with `wflo dev`, or set TEMPORAL_ADDRESS to the address of yours.";
const START_A_WORKER = "Start one with `wflo dev` or `wflo worker`, with the same WFLO_TASK_QUEUE.";

/** What the Temporal client threw, in words for people; what is no error of a call comes back as it is. */
export function toClientError(error: unknown, place: CallPlace): unknown {
  if (error instanceof ClientError) return error;
  if (error instanceof WorkflowExecutionAlreadyStartedError) return idTaken(error, place);
  if (error instanceof NamespaceNotFoundError) return noSuchNamespace(error, place);
  if (error instanceof WorkflowNotFoundError) return notFound(error, place);
  if (error instanceof WorkflowUpdateFailedError) return refused(error);
  if (error instanceof WorkflowUpdateRPCTimeoutOrCancelledError) return noWorker(error, place);
  if (error instanceof QueryNotRegisteredError) return noRunOfOurs(error, place);
  const service = serviceErrorOf(error);
  return service ? fromService(service, place) : error;
}

/**
 * The run's workflow task failed while it carried an update, as it does when the update ends the run at the moment in which
 * something else happens. The server forgets the update then: the same one, by its id, may be sent again.
 */
export function wasForgotten(error: unknown): boolean {
  const service = serviceErrorOf(error instanceof ClientError ? error.cause : error);
  return service?.code === FAILED_PRECONDITION && /workflow task failure/i.test(service.details);
}

/** The server could not be connected to. */
export function unreachable(cause: unknown, address: string): ClientError {
  const why = detailsOf(cause);
  return new ClientError("unreachable", `there is no Temporal server at ${address}${why}`, START_A_SERVER, { cause });
}

function fromService(error: Error & { code: number; details: string }, place: CallPlace): ClientError {
  switch (error.code) {
    case UNAVAILABLE:
      return unreachable(error, place.address);
    case DEADLINE_EXCEEDED:
      return place.needsWorker ? noWorker(error, place) : unreachable(error, place.address);
    // A question that nobody takes ends in one of these ways too: one after another waits in a queue of one.
    case CANCELLED:
    case ABORTED:
    case RESOURCE_EXHAUSTED:
      return place.needsWorker ? noWorker(error, place) : serverSaid(error, place);
    case UNKNOWN:
      return place.needsWorker && /deadline|cancel|time.?out/i.test(error.details)
        ? noWorker(error, place)
        : serverSaid(error, place);
    case FAILED_PRECONDITION:
      return place.needsWorker && !wasForgotten(error) ? noWorker(error, place) : serverSaid(error, place);
    case NOT_FOUND:
      return /namespace/i.test(error.details) ? noSuchNamespace(error, place) : notFound(error, place);
    case PERMISSION_DENIED:
    case UNAUTHENTICATED:
      return new ClientError(
        "denied",
        `the Temporal server at ${place.address} lets nobody with these credentials into ${place.namespace}: ${error.details}`,
        "Check TEMPORAL_API_KEY or TEMPORAL_TLS_CLIENT_CERT_PATH and …KEY_PATH, and TEMPORAL_NAMESPACE.",
        { cause: error },
      );
    default:
      return serverSaid(error, place);
  }
}

function serverSaid(error: Error & { details: string }, place: CallPlace): ClientError {
  const about = place.workflowId === undefined ? "" : ` about ${place.workflowId}`;
  return new ClientError(
    "server",
    `the Temporal server at ${place.address} says${about}: ${error.details || error.message}`,
    "Look at the server's log where this does not explain itself.",
    { cause: error },
  );
}

function noWorker(cause: Error, place: CallPlace): ClientError {
  const queue = place.taskQueue === undefined ? "" : ` on the task queue ${place.taskQueue}`;
  return new ClientError("no-worker", `no worker${queue} answers for ${place.workflowId}`, START_A_WORKER, { cause });
}

function idTaken(cause: Error, place: CallPlace): ClientError {
  return new ClientError(
    "id-taken",
    `there is a run with the id ${place.workflowId} already`,
    "Look at it with `wflo show ID`, or start this one with another id; ids are free again when the namespace forgets the run.",
    { cause },
  );
}

function noSuchNamespace(cause: Error, place: CallPlace): ClientError {
  return new ClientError(
    "no-such-namespace",
    `the Temporal server at ${place.address} has no namespace ${place.namespace}`,
    "Set TEMPORAL_NAMESPACE to one that it has, or make it with `temporal operator namespace create`.",
    { cause },
  );
}

function notFound(cause: Error, place: CallPlace): ClientError {
  if (/already completed/i.test(cause.message)) {
    const advice = "Look at it with `wflo show ID`; go on from where it was with `wflo fork ID`.";
    return new ClientError("run-ended", `the run ${place.workflowId} has ended already`, advice, { cause });
  }
  return new ClientError(
    "no-such-run",
    `there is no run ${place.workflowId} in the namespace ${place.namespace} at ${place.address}`,
    "Ask `wflo runs` for the runs that are there; an ended run is kept as long as the namespace's retention.",
    { cause },
  );
}

function noRunOfOurs(cause: Error, place: CallPlace): ClientError {
  const message = `${place.workflowId} is a workflow, but not a run of an agent`;
  return new ClientError("no-such-run", message, "Ask `wflo runs` for the runs that are there.", { cause });
}

function refused(error: WorkflowUpdateFailedError): unknown {
  const { cause } = error;
  if (!(cause instanceof ApplicationFailure) || cause.type !== "Refused") return error;
  const [details] = (cause.details ?? []) as readonly ({ readonly reason?: CommandRefusalReason } | undefined)[];
  return new CommandRefused(details?.reason ?? "invalid", cause.message, { cause: error });
}

function serviceErrorOf(error: unknown): (Error & { code: number; details: string }) | undefined {
  if (isGrpcServiceError(error)) return error;
  const cause = error instanceof Error ? error.cause : undefined;
  return isGrpcServiceError(cause) ? cause : undefined;
}

function detailsOf(error: unknown): string {
  const said = serviceErrorOf(error)?.details ?? (error instanceof Error ? error.message : "");
  return said === "" ? "" : ` (${said})`;
}
