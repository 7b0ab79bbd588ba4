/** `npm run schemas`: installs what is missing, then writes schemas/ from the types of the code (schemas/generate.ts). */

import { root, run, withProjectNode } from "./bootstrap.mjs";

await withProjectNode(import.meta.url, async () => {
  const loader = ["--import", new URL("./typescript.mjs", import.meta.url).href];
  process.exitCode = await run(process.execPath, [...loader, `${root}/schemas/main.ts`]);
});
