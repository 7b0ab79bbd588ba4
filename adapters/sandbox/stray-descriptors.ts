import { readdirSync, readFileSync } from "node:fs";

const O_CLOEXEC = 0o2000000;
const FIRST_OF_OUR_OWN = 3;

/**
 * Descriptors that this process was started with and would hand on to every program it starts. Node opens nothing so, but
 * leaves open what it inherits from number 16 on.
 */
export function strayDescriptors(): readonly number[] {
  return readdirSync("/proc/self/fd")
    .map(Number)
    .filter((descriptor) => descriptor >= FIRST_OF_OUR_OWN && isHandedOn(descriptor));
}

function isHandedOn(descriptor: number): boolean {
  try {
    const flags = /^flags:\s+([0-7]+)/m.exec(readFileSync(`/proc/self/fdinfo/${descriptor}`, "utf8"))?.[1] ?? "0";
    return (Number.parseInt(flags, 8) & O_CLOEXEC) === 0;
  } catch {
    return false;
  }
}
