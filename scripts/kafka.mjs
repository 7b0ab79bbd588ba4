/** `npm run kafka`: a broker for trying things out, from Apache's jars (Java 17 and Maven are there); Ctrl-C ends it and removes what it had. */

import { root, run, withProjectNode } from "./bootstrap.mjs";

await withProjectNode(import.meta.url, async () => {
  const loader = ["--import", new URL("./typescript.mjs", import.meta.url).href];
  process.exitCode = await run(process.execPath, [...loader, `${root}/test/harness/kafka-main.ts`]);
});
