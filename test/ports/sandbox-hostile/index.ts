import { EXHAUSTION } from "./exhaustion.js";
import type { HostileProgram } from "./hostile-program.js";
import { KERNEL } from "./kernel.js";
import { LEFTOVERS } from "./leftovers.js";
import { NETWORK } from "./network.js";
import { PROCESSES } from "./processes.js";
import { READING } from "./reading.js";
import { WRITING } from "./writing.js";

/** Everything that is thrown at each sandbox. */
export const HOSTILE_PROGRAMS: readonly HostileProgram[] = [
  ...READING,
  ...WRITING,
  ...NETWORK,
  ...PROCESSES,
  ...KERNEL,
  ...EXHAUSTION,
  ...LEFTOVERS,
];
