import { Client } from "@temporalio/client";
import type { LoadedDataConverter, PayloadConverter } from "@temporalio/common";
import { Unreadable } from "../core/unreadable.js";

/**
 * The same client for lists and descriptions. They come with memos, which whoever starts a workflow writes: one that nobody
 * can read would otherwise be an error for whoever lists the namespace.
 */
export function lenientClient({ connection, options }: Client): Client {
  const { payloadConverter, payloadCodecs, failureConverter } = options.loadedDataConverter;
  const dataConverter: LoadedDataConverter = {
    failureConverter,
    payloadConverter: lenient(payloadConverter),
    payloadCodecs: payloadCodecs.map((codec) => ({
      encode: async (payloads) => await codec.encode(payloads),
      decode: async (payloads) => await codec.decode(payloads).catch(() => payloads),
    })),
  };
  return new Client({ connection, namespace: options.namespace, dataConverter });
}

function lenient(converter: PayloadConverter): PayloadConverter {
  return {
    toPayload: (value, context) => converter.toPayload(value, context),
    fromPayload<T>(payload: Parameters<PayloadConverter["fromPayload"]>[0]): T {
      try {
        return converter.fromPayload<T>(payload);
      } catch (error) {
        return new Unreadable((error as Error).message) as T;
      }
    },
  };
}
