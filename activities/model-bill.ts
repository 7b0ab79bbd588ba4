import type { Bill } from "../core/activity-contract.js";
import type { RunModel } from "../core/agent.js";
import { canonicalJson, utf8Bytes } from "../core/digest.js";
import { ZERO_USD } from "../core/money.js";
import { costNanoUsd } from "../core/pricing.js";
import { NO_USAGE, type Usage, usageFromAbove } from "../core/usage.js";
import type { ModelAnswer } from "../ports/models.js";

/** When a request was made (epoch milliseconds: prices may depend on it), and the bytes of its prompt as JSON. */
export interface Asked {
  readonly atMs: number;
  readonly promptBytes: number;
}

/** The bill of a whole answer: by the provider's count, or by bytes (from above) where it reported none. */
export function billOf(model: RunModel, answer: ModelAnswer, asked: Asked): Bill {
  const usage = usageFromAbove(answer.usage ?? usageByBytes(model, answer, asked.promptBytes));
  const requestId = keptRequestId(answer.requestId);
  if (answer.fromCache) {
    const savedNanoUsd = model.price ? costNanoUsd(model.price, usage, asked.atMs) : ZERO_USD;
    // The request is on the books of whoever bought it.
    return { kind: "confirmed", nanoUsd: ZERO_USD, usage, savedNanoUsd };
  }
  if (!model.price) return { kind: "unpriced", nanoUsd: ZERO_USD, usage, ...requestId };
  return {
    kind: answer.usage ? "confirmed" : "estimated",
    nanoUsd: costNanoUsd(model.price, usage, asked.atMs),
    usage,
    ...requestId,
  };
}

/** The bill of a call that ended early, where the provider had counted before. */
export function billOfUsage(model: RunModel, counted: Usage, atMs: number, heardId?: string): Bill {
  const usage = usageFromAbove(counted);
  const requestId = keptRequestId(heardId);
  if (!model.price) return { kind: "unpriced", nanoUsd: ZERO_USD, usage, ...requestId };
  return { kind: "confirmed", nanoUsd: costNanoUsd(model.price, usage, atMs), usage, ...requestId };
}

/** A provider's own id of a request is for people and its lists; a longer one is no id. */
const LONGEST_REQUEST_ID = 200;

/** The member of a bill, where the id was heard. */
export function keptRequestId(requestId: string | undefined): { readonly requestId?: string } {
  return requestId === undefined ? {} : { requestId: requestId.slice(0, LONGEST_REQUEST_ID) };
}

/** A token is at least one byte, so bytes bound the count; the factor and the hidden part are the provider's (notes on models). */
function usageByBytes(model: RunModel, answer: ModelAnswer, promptBytes: number): Usage {
  const { factor, hidden } = model.inputBound;
  const outputBytes = utf8Bytes(answer.text) + utf8Bytes(canonicalJson(answer.toolCalls));
  return { ...NO_USAGE, inputTokens: Math.ceil(factor * promptBytes) + hidden, outputTokens: outputBytes };
}
