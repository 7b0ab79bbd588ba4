import { describe, test } from "@jest/globals";
import type { Part, PartName } from "./parts.js";

/**
 * A suite that needs a real part gets its path. Where the part can't be had, the suite is skipped and its line says
 * why; with `CI=true` that is a failure instead.
 */
export function describeWith(name: PartName, suite: (path: string) => void): void {
  const part = realPart(name);
  if ("path" in part) {
    describe(`with ${name}`, () => suite(part.path));
  } else if (process.env.CI === "true") {
    test(`${name} is there`, () => {
      throw new Error(`CI runs every part, but there is no ${name}: ${part.missing}`);
    });
  } else {
    // biome-ignore lint/suspicious/noSkippedTests: the one place where a missing part skips, with its reason
    test.skip(`needs ${name}: ${part.missing}`, () => undefined);
  }
}

/** The part as jest's globalSetup found it. */
export function realPart(name: PartName): Part {
  const parts = JSON.parse(process.env.WFLO_TEST_PARTS ?? "{}") as Partial<Record<PartName, Part>>;
  return parts[name] ?? { missing: "jest's globalSetup did not run" };
}
