import { Ajv, type ErrorObject, type ValidateFunction } from "ajv";
import { LRUCache } from "lru-cache";
import { canonicalJson } from "../core/digest.js";
import type { Json, JsonObject } from "../core/json.js";

/** Checks values against JSON Schemas; compiled schemas are kept. */
export interface SchemaChecker {
  /** What does not fit, a line each, for a model or a person to mend; empty where all fits. */
  problems(schema: JsonObject, value: Json): readonly string[];
}

/** A value with more faults than this says only the first ones. */
const MOST_PROBLEMS = 10;

/** Names in a value can be long; a fault is one line. */
const LONGEST_PROBLEM = 300;

const SCHEMAS_KEPT = 500;

/** @throws Error from `problems` for a schema that is none, saying why */
export function createSchemaChecker(): SchemaChecker {
  const ajv = new Ajv({ strict: false, allErrors: true, validateFormats: false, logger: false });
  const compiled = new LRUCache<string, { readonly validate: ValidateFunction; readonly schema: JsonObject }>({
    max: SCHEMAS_KEPT,
    // Ajv keeps what it has compiled until it is told otherwise.
    dispose: ({ schema }) => ajv.removeSchema(schema),
  });
  return {
    problems(schema, value) {
      const key = canonicalJson(schema);
      let known = compiled.get(key);
      if (!known) {
        const { $schema: _dialect, $id: _id, ...plain } = schema;
        known = { validate: ajv.compile(plain), schema: plain };
        compiled.set(key, known);
      }
      const { validate } = known;
      if (validate(value)) return [];
      return (validate.errors ?? []).slice(0, MOST_PROBLEMS).map(wordsOf);
    },
  };
}

function wordsOf({ instancePath, keyword, message, params }: ErrorObject): string {
  const { additionalProperty, allowedValues } = params as { additionalProperty?: string; allowedValues?: unknown[] };
  const allowed = allowedValues === undefined ? "" : `: ${JSON.stringify(allowedValues)}`;
  const extra = additionalProperty === undefined ? "" : `, but has ${JSON.stringify(additionalProperty)}`;
  const words = `${instancePath === "" ? "the value" : instancePath} ${message ?? keyword}${allowed}${extra}`;
  return words.length > LONGEST_PROBLEM ? `${words.slice(0, LONGEST_PROBLEM)}…` : words;
}
