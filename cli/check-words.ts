/** One thing that was looked at, on a line; where it is not well, with what to do. */
export function checkWords({
  name,
  ok,
  detail,
  fix,
}: {
  readonly name: string;
  readonly ok: boolean;
  readonly detail: string;
  readonly fix?: string;
}): string {
  return `${ok ? "ok  " : "FAIL"}  ${name}: ${detail}${ok || fix === undefined ? "" : `\n      → ${fix}`}`;
}
