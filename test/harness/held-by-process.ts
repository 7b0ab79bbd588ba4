import { readdirSync, readFileSync } from "node:fs";

/** Groups that a worker has made in any hierarchy and not removed. */
export function cgroupsOf(pid: number): string[] {
  const points = readFileSync("/proc/self/mountinfo", "utf8")
    .split("\n")
    .filter((line) => / - cgroup2? /.test(line))
    .map((line) => line.split(" ")[4] ?? "");
  return points.flatMap((point) =>
    readdirSync(point, { recursive: true, encoding: "utf8" }).filter((name) => name.includes(`wflo-${pid}-`)),
  );
}

/** Open descriptors of this process. */
export const descriptors = (): number => readdirSync("/proc/self/fd").length;
