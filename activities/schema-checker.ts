import { Ajv, type ValidateFunction } from "ajv";
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

/** @throws Error from `problems` for a schema that is none, saying why */
export function createSchemaChecker(): SchemaChecker {
  const ajv = new Ajv({ strict: false, allErrors: true, validateFormats: false });
  const compiled = new LRUCache<string, ValidateFunction>({ max: 500 });
  return {
    problems(schema, value) {
      const key = canonicalJson(schema);
      let validate = compiled.get(key);
      if (!validate) {
        const { $schema: _dialect, $id: _id, ...plain } = schema;
        validate = ajv.compile(plain);
        compiled.set(key, validate);
      }
      if (validate(value)) return [];
      return (validate.errors ?? [])
        .slice(0, MOST_PROBLEMS)
        .map(
          (error) =>
            `${error.instancePath === "" ? "the value" : error.instancePath} ${error.message ?? error.keyword}`,
        );
    },
  };
}
