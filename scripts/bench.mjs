/** `npm run bench`: installs and builds what is missing, then runs the benchmark from its TypeScript sources. */

import { root, run, withProjectNode } from "./bootstrap.mjs";
import { build } from "./build.mjs";

await withProjectNode(import.meta.url, async () => {
  await build();
  const loader = ["--import", new URL("./typescript.mjs", import.meta.url).href];
  process.exitCode = await run(process.execPath, [...loader, `${root}/bench/main.ts`, ...process.argv.slice(2)]);
});
