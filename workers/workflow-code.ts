import type { TraceSettings } from "../core/trace.js";

/**
 * What the SDK does for every promise of workflow code, for the Web UI's tab "Call Stack": it compiles a function in the
 * workflow's context to find the workflow, another one to make an error, and notes that error's stack. Here the functions
 * are there already, and there is no stack to note (docs/decisions/011). Rejections that nobody handles still find their
 * workflow this way.
 */
const WITHOUT_CALL_STACKS = `Error.stackTraceLimit = 0;
{
  const none = { replace: () => none, split: () => [] };
  class Stackless {
    get stack() { return none; }
  }
  const ready = {
    "return globalThis.__TEMPORAL_ACTIVATOR__": () => globalThis.__TEMPORAL_ACTIVATOR__,
    "return globalThis.Error": () => Stackless,
  };
  Object.defineProperty(Promise, "constructor", { value: (code) => ready[code] ?? Function(code) });
}
`;

/** A bundle of workflow code that notes no call stacks, which takes most of a workflow task's CPU. */
export function withoutCallStacks(bundle: string): string {
  return WITHOUT_CALL_STACKS.replaceAll("\n", " ") + bundle;
}

/** A bundle whose runs make spans (`workflows/tracing.ts`). */
export function withTraces(bundle: string, settings: TraceSettings): string {
  return `globalThis.wfloTraces = ${JSON.stringify(settings)}; ${bundle}`;
}

/** A bundle whose failures say what happened in a payload, which is encrypted (`workflows/failure-converter.ts`). */
export function withEncodedFailures(bundle: string): string {
  return `globalThis.wfloEncodesFailures = true; ${bundle}`;
}
