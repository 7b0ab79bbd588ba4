import { isExcepted, type Policy } from "./policy.js";
import type { ScanReport } from "./scan.js";

/** What the gate makes of a scan, a line each. */
export interface GateVerdict {
  readonly problems: readonly string[];
  /** Below the policy's severity. */
  readonly lower: readonly string[];
}

/** Findings without an exception. Severity that nobody has measured counts as the highest. */
export function vulnerabilityProblems({ results = [] }: ScanReport, policy: Policy, today: string): GateVerdict {
  const problems: string[] = [];
  const lower: string[] = [];
  for (const { package: found, groups = [] } of results.flatMap(({ packages = [] }) => packages)) {
    for (const { ids, max_severity: severity = "" } of groups) {
      if (ids.some((vulnerability) => isExcepted(policy, found.name, { vulnerability }, today))) continue;
      const isHigh = severity === "" || Number(severity) >= policy.failFromSeverity;
      const line = `${found.name}@${found.version}: ${ids.join(", ")} (severity ${severity || "unknown"})`;
      (isHigh ? problems : lower).push(line);
    }
  }
  return { problems, lower };
}
