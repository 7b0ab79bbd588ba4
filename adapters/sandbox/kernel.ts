import { readFileSync } from "node:fs";

/** Whose system calls programs make here: Linux's, or gVisor's where the worker itself runs in it (a pod of its RuntimeClass). */
export type Kernel = "linux" | "gvisor";

/** What gVisor says of itself in /proc/version: newer ones by name, all of them by this date (`pkg/sentry/kernel/version.go`). */
const GVISOR = /gvisor|Sun Jan 10 15:06:54 PST 2016/;

/** @param version /proc/version */
export function kernelFor(version: string): Kernel {
  return GVISOR.test(version) ? "gvisor" : "linux";
}

/** The kernel that this process runs on; where there is no /proc it is none that sandboxes can be made on. */
export function kernelHere(): Kernel {
  try {
    return kernelFor(readFileSync("/proc/version", "utf8"));
  } catch {
    return "linux";
  }
}
