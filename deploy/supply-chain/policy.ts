/** Something that is allowed against the rules, why, and until which day. */
export interface Exception {
  readonly package: string;
  /** As the bill of materials has it; `none` where it has none. */
  readonly licence?: string;
  /** An id of OSV, GHSA or CVE. */
  readonly vulnerability?: string;
  readonly until: string;
  readonly reason: string;
}

/** `policy.json`. */
export interface Policy {
  /** SPDX ids. */
  readonly licences: readonly string[];
  /** CVSS: findings from here on close the gate. */
  readonly failFromSeverity: number;
  readonly exceptions: readonly Exception[];
}

const LEAST_REASON = 20;
const DAY = /^\d{4}-\d\d-\d\d$/;

/** What is wrong with the exceptions themselves: without a reason or a day, or past it. @param today such as `2026-11-30` */
export function exceptionProblems({ exceptions }: Policy, today: string): readonly string[] {
  return exceptions.flatMap(({ package: name, licence, vulnerability, until, reason }) => {
    const what = `the exception for ${name} (${licence ?? vulnerability ?? "nothing"})`;
    const isOne = (licence === undefined) !== (vulnerability === undefined);
    if (!isOne) return [`${what} must name a licence or a vulnerability`];
    if (reason.trim().length < LEAST_REASON) return [`${what} has no reason`];
    if (!DAY.test(until)) return [`${what} has no day until which it holds`];
    return until < today ? [`${what} ended on ${until}: ${reason}`] : [];
  });
}

/** True where an exception that still holds names the same package and thing. */
export function isExcepted(
  { exceptions }: Policy,
  name: string,
  what: Pick<Exception, "licence" | "vulnerability">,
  today: string,
): boolean {
  return exceptions.some(
    (exception) =>
      exception.package === name &&
      exception.licence === what.licence &&
      exception.vulnerability === what.vulnerability &&
      exception.until >= today,
  );
}
