import { DEFAULT_SANDBOX_LIMITS, type SandboxLimits } from "../../ports/sandbox.js";

/** What each limit may be. */
const RANGES: Readonly<Record<keyof SandboxLimits, readonly [least: number, most: number]>> = {
  wallMs: [1, 24 * 3_600_000],
  cpuMs: [1, 1_000 * 3_600_000],
  memoryBytes: [16 * 1024 * 1024, 2 ** 40],
  processes: [1, 32_768],
  outputBytes: [0, 256 * 1024 * 1024],
  diskBytes: [4_096, 2 ** 31],
  files: [1, 1_000_000],
};

/** What is wrong with these limits, naming each; undefined where nothing is. */
export function limitProblem(limits: SandboxLimits): string | undefined {
  const problems = Object.keys(DEFAULT_SANDBOX_LIMITS).flatMap((name) => {
    const value = limits[name as keyof SandboxLimits];
    const [least, most] = RANGES[name as keyof SandboxLimits];
    if (Number.isInteger(value) && value >= least && value <= most) return [];
    return [`${name} must be a whole number from ${least} to ${most}, and is ${String(value)}`];
  });
  return problems.length === 0 ? undefined : problems.join("; ");
}
