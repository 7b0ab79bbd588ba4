import { randomInt } from "node:crypto";
import { readFileSync } from "node:fs";

/**
 * Whom code runs as. `fresh`: each run has a uid and gid of its own, which nobody else on the machine has; the worker is
 * root for that. `own`: the worker's user, cut off by namespaces.
 */
export type Identity = { readonly kind: "fresh"; readonly choose: () => number } | { readonly kind: "own" };

/** A range of ids that a user namespace has. */
interface IdRange {
  readonly first: number;
  readonly count: number;
  readonly outside: number;
}

/** Unused by distributions, containers and directory services (systemd's table of uids): 2^27 ids from here. */
const UNUSED: Omit<IdRange, "outside"> = { first: 1_879_048_192, count: 2 ** 27 };
/** In a container that has fewer ids: above its users, below nobody. */
const INSIDE_CONTAINER: Omit<IdRange, "outside"> = { first: 20_000, count: 40_000 };

/** The identity that this process can give to code. */
export function identityOfHost(): Identity {
  if (process.getuid?.() !== 0) return { kind: "own" };
  return identityFor(readFileSync("/proc/self/uid_map", "utf8"), readFileSync("/proc/self/gid_map", "utf8"));
}

/** The identity that root can give to code where these ids are mapped (the files `uid_map` and `gid_map` of proc(5)). */
export function identityFor(uidMap: string, gidMap: string): Identity {
  const maps = [rangesOf(uidMap), rangesOf(gidMap)];
  for (const wanted of [UNUSED, INSIDE_CONTAINER]) {
    if (maps.every((ranges) => ranges.some((range) => covers(range, wanted)))) {
      return { kind: "fresh", choose: () => wanted.first + randomInt(wanted.count) };
    }
  }
  // Root of a namespace with a single id is an ordinary user outside.
  return { kind: "own" };
}

function rangesOf(map: string): IdRange[] {
  return map
    .trim()
    .split("\n")
    .map((line) => {
      const [first = 0, outside = 0, count = 0] = line.trim().split(/\s+/).map(Number);
      return { first, outside, count };
    });
}

function covers(range: IdRange, wanted: Omit<IdRange, "outside">): boolean {
  return range.first <= wanted.first && wanted.first + wanted.count <= range.first + range.count;
}
