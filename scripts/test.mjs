/**
 * `npm test`: installs and builds what is missing, makes the real parts that tests need (test/harness/parts.ts), and
 * runs every suite. Arguments go to jest; the exit code is jest's.
 */

import { root, run, withProjectNode } from "./bootstrap.mjs";
import { build } from "./build.mjs";

await withProjectNode(import.meta.url, async () => {
  await build();
  const flags = ["--experimental-vm-modules", "--disable-warning=ExperimentalWarning"];
  const jest = `${root}/node_modules/jest/bin/jest.js`;
  process.env.WFLO_TEST_MAKE ??= "all";
  process.exitCode = await run(process.execPath, [...flags, jest, ...process.argv.slice(2)]);
});
