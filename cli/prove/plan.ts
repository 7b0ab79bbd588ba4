import type { Checkpoint } from "../../ports/checkpoints.js";
import type { Conduct } from "./counting-provider.js";

/** One run and what happens to it. */
export interface Fault {
  /** For people; part of the run's prompt, so that the provider's books can be told apart. */
  readonly name: string;
  /** The first worker kills itself there; another one takes over. */
  readonly dieAt?: Checkpoint;
  readonly conduct?: Conduct;
  /** Redis is killed after the first request, and comes back empty. */
  readonly redis?: "killed";
  /** Requests more than one a turn: an answer that did not arrive is bought again. */
  readonly extraRequests: number;
  /** Among the few of `--quick`. */
  readonly quick?: true;
}

/** Turns that a run takes when nothing goes wrong. */
export const TURNS = 2;

/** Everything that can die between a provider's books and ours. */
export const PLAN: readonly Fault[] = [
  { name: "nothing goes wrong", extraRequests: 0, quick: true },
  { name: "killed before the question is sent", dieAt: "model.started", extraRequests: 0 },
  { name: "killed when the answer is billed and not kept", dieAt: "model.answered", extraRequests: 1, quick: true },
  { name: "killed when the answer is kept and not reported", dieAt: "model.journalled", extraRequests: 0 },
  { name: "killed before the tool works", dieAt: "tool.started", extraRequests: 0 },
  { name: "killed when the tool has worked", dieAt: "tool.done", extraRequests: 0 },
  { name: "killed when the tool's result is kept", dieAt: "tool.journalled", extraRequests: 0 },
  { name: "the provider cuts the stream", conduct: "cuts the stream", extraRequests: 1, quick: true },
  { name: "the provider ends the stream early", conduct: "ends the stream early", extraRequests: 1 },
  { name: "Redis is killed and comes back empty", redis: "killed", extraRequests: 0, quick: true },
];
