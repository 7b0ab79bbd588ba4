import type { LogFacts } from "../../ports/logger.js";

const REDACTED = "[redacted]";

/** Names of facts whose values are secrets, whatever they look like. `tokens` are counted, a `token` is a secret. */
const SECRET_NAME =
  /(authorization|cookie|passw(or)?d|passphrase|secret|credential|private_?key|api[-_]?key|access[-_]?key|encryption_?key|(^|[-_a-z])token$)/i;

/** Names of facts that hold what people, models and tools say. */
const CONTENT_NAMES: ReadonlySet<string> = new Set([
  ...["prompt", "instructions", "messages", "input", "output", "text", "content", "question", "comment"],
  ...["args", "arguments", "result", "data", "code", "command", "stdout", "stderr"],
  ...["body", "requestBody", "responseBody", "requestBodyValues"],
]);

/** `code` is also where errors have theirs. */
const ERROR_CODE = /^[A-Z0-9_]{1,40}$/;

const DEPTH_MAX = 6;
const ITEMS_MAX = 50;
const TEXT_CHARACTERS_MAX = 4_000;

/** A shorter secret would be found in innocent words. */
const SECRET_CHARACTERS_MIN = 8;

/** Facts as they may be logged: secrets out, long values cut, errors as plain objects; content only where asked. */
export function loggable(facts: LogFacts, { content }: { readonly content: boolean }): Record<string, unknown> {
  const seen = new Set<object>();
  const value = (of: unknown, name: string, depth: number): unknown => {
    if (SECRET_NAME.test(name) && of !== undefined && of !== null && typeof of !== "boolean") return REDACTED;
    if (!content && CONTENT_NAMES.has(name)) return withheld(of, name);
    if (typeof of === "string") return cut(of);
    if (typeof of === "bigint") return String(of);
    if (typeof of !== "object" || of === null) return of;
    if (seen.has(of)) return "[seen above]";
    if (depth >= DEPTH_MAX) return "[too deep]";
    seen.add(of);
    try {
      return of instanceof Error ? errorFacts(of, (cause) => value(cause, "cause", depth + 1)) : members(of, depth);
    } finally {
      seen.delete(of);
    }
  };
  const members = (of: object, depth: number): unknown => {
    if (of instanceof Date) return Number.isNaN(of.getTime()) ? "[no date]" : of.toISOString();
    if (ArrayBuffer.isView(of)) return `[${of.byteLength} bytes]`;
    if (Array.isArray(of)) {
      const items = of.slice(0, ITEMS_MAX).map((item) => value(item, "", depth + 1));
      return of.length > ITEMS_MAX ? [...items, `[${of.length - ITEMS_MAX} more]`] : items;
    }
    const entries = Object.entries(of).slice(0, ITEMS_MAX);
    return Object.fromEntries(entries.map(([name, member]) => [name, value(member, name, depth + 1)]));
  };
  return Object.fromEntries(Object.entries(facts).map(([name, fact]) => [name, value(fact, name, 0)]));
}

/**
 * Takes secrets out of a finished line: the given values, and what looks like one (bearer and basic credentials, keys of
 * well-known forms, the password in a URL).
 */
export function createScrubber(secrets: readonly string[]): (line: string) => string {
  const values = [...new Set(secrets.flatMap((secret) => [secret, JSON.stringify(secret).slice(1, -1)]))]
    .filter((secret) => secret.length >= SECRET_CHARACTERS_MIN)
    .sort((a, b) => b.length - a.length);
  return (line) => {
    const known = values.reduce((text, secret) => text.replaceAll(secret, REDACTED), line);
    return known
      .replace(/\b(Bearer|Basic)\s+[A-Za-z0-9._~+/=-]{8,}/gi, `$1 ${REDACTED}`)
      .replace(/\b(sk|pk|rk|xox[a-z]|gh[a-z]|github_pat|AIza|AKIA|ASIA)[-_]?[A-Za-z0-9_-]{14,}/g, REDACTED)
      .replace(/(\b[a-z][a-z0-9+.-]*:\/\/[^\s:/@"\\]*):[^\s/@"\\]+@/gi, `$1:${REDACTED}@`);
  };
}

/** The values of an environment's variables that hold keys, tokens and passwords. */
export function secretValues(environment: Readonly<Record<string, string | undefined>>): readonly string[] {
  const secrets: string[] = [];
  for (const [name, value = ""] of Object.entries(environment)) {
    if (name === "WFLO_ENCRYPTION_KEYS") secrets.push(...value.split(",").map((key) => key.replace(/^[^:]*:/, "")));
    else if (/(_API_KEY|_SECRET|_SECRET_ACCESS_KEY|_TOKEN|_PASSWORD)$/.test(name)) secrets.push(value);
  }
  return secrets.map((secret) => secret.trim()).filter((secret) => secret !== "");
}

/** Name, message, stack and codes; never the other members, where libraries keep whole requests with their prompts. */
function errorFacts(error: Error, causeOf: (cause: unknown) => unknown): Record<string, unknown> {
  const { code, status, statusCode, type } = error as Error & Record<string, unknown>;
  const codes = Object.entries({ code, status: status ?? statusCode, type }).filter(
    ([, value]) => typeof value === "string" || typeof value === "number",
  );
  return {
    name: error.name,
    message: cut(error.message),
    ...Object.fromEntries(codes),
    ...(error.cause === undefined ? {} : { cause: causeOf(error.cause) }),
    stack: cut(error.stack ?? ""),
  };
}

function withheld(value: unknown, name: string): unknown {
  if (typeof value === "string") {
    return name === "code" && ERROR_CODE.test(value) ? value : `[${value.length} characters]`;
  }
  return typeof value === "object" && value !== null ? "[not logged]" : value;
}

function cut(text: string): string {
  if (text.length <= TEXT_CHARACTERS_MAX) return text;
  return `${text.slice(0, TEXT_CHARACTERS_MAX)}… [${text.length} characters]`;
}
