/** Nesting that is still JSON for us: deeper texts overflow the stack of those who read them. */
const DEEPEST = 64;
/** Values in one document; more is no argument and no schema. */
const MOST_VALUES = 100_000;

/**
 * Why a value is not JSON that can be carried, or undefined where it is. Never throws, whatever the value: no recursion,
 * and an end for cycles.
 * @param deepest levels of nesting. @default 64
 */
export function jsonProblem(value: unknown, deepest: number = DEEPEST): string | undefined {
  const open: { readonly value: unknown; readonly depth: number }[] = [{ value, depth: 0 }];
  for (let count = 0; open.length > 0; count += 1) {
    const next = open.pop();
    if (count > MOST_VALUES) return `has more than ${MOST_VALUES} values`;
    if (!next) break;
    if (next.depth > deepest) return `is nested deeper than ${deepest} levels`;
    const problem = scalarProblem(next.value);
    if (problem !== undefined) return problem;
    for (const inner of partsOf(next.value)) {
      if (open.length > MOST_VALUES) return `has more than ${MOST_VALUES} values`;
      open.push({ value: inner, depth: next.depth + 1 });
    }
  }
  return undefined;
}

function scalarProblem(value: unknown): string | undefined {
  switch (typeof value) {
    case "string":
    case "boolean":
    case "undefined":
      return undefined;
    case "number":
      return Number.isFinite(value) ? undefined : `has the number ${value}, which JSON cannot carry`;
    case "object":
      return undefined;
    default:
      return `has a ${typeof value}, which JSON cannot carry`;
  }
}

function partsOf(value: unknown): readonly unknown[] {
  if (typeof value !== "object" || value === null) return [];
  return Array.isArray(value) ? value : Object.values(value);
}

/** True for the text of one JSON document. */
export function isJsonText(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
