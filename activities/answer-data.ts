import type { Json, JsonObject } from "../core/json.js";
import { jsonProblem } from "../core/json-check.js";
import type { SchemaChecker } from "./schema-checker.js";

/** An answer read by the run's output schema. */
export type AnswerData = { readonly data: Json } | { readonly dataProblems: readonly string[] };

/** Reads the one JSON document of an answer, with or without a Markdown fence around it. */
export function answerData(checker: SchemaChecker, schema: JsonObject, text: string): AnswerData {
  const fenced = /^\s*```(?:json)?\s*\n([\s\S]*?)\n\s*```\s*$/.exec(text);
  let data: Json;
  try {
    data = JSON.parse(fenced?.[1] ?? text) as Json;
  } catch (error) {
    return { dataProblems: [`the answer is not one JSON document: ${(error as Error).message.slice(0, 200)}`] };
  }
  const fault = jsonProblem(data);
  if (fault !== undefined) return { dataProblems: [`the document ${fault}`] };
  const dataProblems = checker.problems(schema, data);
  return dataProblems.length > 0 ? { dataProblems } : { data };
}
