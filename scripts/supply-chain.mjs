/** `npm run check:supply`: installs what is missing, then runs deploy/supply-chain/main.ts. */

import { root, run, withProjectNode } from "./bootstrap.mjs";

await withProjectNode(import.meta.url, async () => {
  const loader = ["--import", new URL("./typescript.mjs", import.meta.url).href];
  process.exitCode = await run(process.execPath, [
    ...loader,
    `${root}/deploy/supply-chain/main.ts`,
    ...process.argv.slice(2),
  ]);
});
