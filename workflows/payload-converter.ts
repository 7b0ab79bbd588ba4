import {
  defaultPayloadConverter,
  type Payload,
  type PayloadConverter,
  type SerializationContext,
} from "@temporalio/common";
import { clipped } from "../core/clip.js";
import { fromOutside, Unreadable } from "../core/unreadable.js";

/** Names what an encrypting worker could not decrypt (`encryption/payload-codec.ts`). */
const PROBLEM = "wflo-problem";
const SHOWN_BYTES = 200;

/**
 * The default converter, except that what comes from outside (input, signals, updates, queries) and cannot be read becomes
 * a value that is refused like any other wrong one. The SDK would fail the workflow task, and again and again: one such
 * signal would keep a run from ever going on.
 */
export const payloadConverter: PayloadConverter = {
  toPayload: (value, context) => defaultPayloadConverter.toPayload(value, context),
  fromPayload<T>(payload: Payload, context?: SerializationContext): T {
    const told = payload.metadata?.[PROBLEM];
    try {
      const value = defaultPayloadConverter.fromPayload<T>(payload, context);
      return context?.type === "workflow" ? (fromOutside(value) as T) : value;
    } catch (error) {
      const problem = told ? textOf(told) : (error as Error).message;
      // Our own activities answer what can be read; where not, a worker with the right keys may do better.
      if (context?.type !== "workflow") throw new Error(problem, { cause: error });
      return new Unreadable(clipped(problem, SHOWN_BYTES)) as T;
    }
  },
};

function textOf(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
}
