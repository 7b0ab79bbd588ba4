import type { LoadedDataConverter } from "@temporalio/common";

type Payloads = Parameters<LoadedDataConverter["payloadCodecs"][number]["decode"]>[0];

/** The first of some payloads; undefined where there is none. Rejects where it cannot be read. */
export type Decode = (payloads: Payloads | null | undefined) => Promise<unknown>;

export function decoderOf({ payloadConverter, payloadCodecs }: LoadedDataConverter): Decode {
  return async (payloads) => {
    let [first] = payloads ?? [];
    if (!first) return undefined;
    for (const codec of payloadCodecs.toReversed()) [first] = await codec.decode(first ? [first] : []);
    return first && payloadConverter.fromPayload(first);
  };
}
