interface Answered {
  readonly headers: Pick<Headers, "get"> | undefined;
  readonly body?: string | undefined;
}

/**
 * How long a provider wants to be left alone, in milliseconds from `now`: `retry-after-ms`, `retry-after` (seconds or a
 * date), or the `retryDelay` in Google's body. Undefined where it says nothing, or nothing sensible.
 */
export function retryAfterMs({ headers, body }: Answered, now: Date): number | undefined {
  const ms = headers?.get("retry-after-ms");
  if (ms) return sensible(Number(ms));
  const after = headers?.get("retry-after");
  if (after && /^[\d.]+$/.test(after)) return sensible(Number(after) * 1_000);
  // Dates begin with the day's name; Date.parse reads much more.
  if (after) return /^[A-Za-z]{3},? /.test(after) ? sensible(Date.parse(after) - now.getTime()) : undefined;
  const delay = /"retryDelay":\s*"([\d.]+)s"/.exec(body ?? "")?.[1];
  return delay === undefined ? undefined : sensible(Number(delay) * 1_000);
}

function sensible(ms: number): number | undefined {
  return Number.isFinite(ms) ? Math.max(0, Math.ceil(ms)) : undefined;
}
