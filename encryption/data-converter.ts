import { extname } from "node:path";
import { fileURLToPath } from "node:url";
import { type DataConverter, defaultPayloadConverter, type LoadedDataConverter } from "@temporalio/common";
import type { KeyRing } from "../ports/key-ring.js";
import { failureConverter } from "./failure-converter.js";
import { createPayloadCodec } from "./payload-codec.js";

/** Of the same kind as this file: source, or built. */
const FAILURE_CONVERTER = fileURLToPath(new URL(`./failure-converter${extname(import.meta.url)}`, import.meta.url));

/** For clients. */
export function clientConverter(ring: KeyRing): LoadedDataConverter {
  return {
    payloadConverter: defaultPayloadConverter,
    failureConverter,
    payloadCodecs: [createPayloadCodec(ring)],
  };
}

/** For workers; workflow code has a converter of failures of its own (`workflows/failure-converter.ts`). */
export function workerConverter(ring: KeyRing): DataConverter {
  return {
    failureConverterPath: FAILURE_CONVERTER,
    payloadCodecs: [createPayloadCodec(ring, "passed")],
  };
}
