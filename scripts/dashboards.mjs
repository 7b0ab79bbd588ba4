/** `npm run dashboards`: installs what is missing, then writes deploy/observability/grafana/ (deploy/observability/dashboards.ts). */

import { root, run, withProjectNode } from "./bootstrap.mjs";

await withProjectNode(import.meta.url, async () => {
  const loader = ["--import", new URL("./typescript.mjs", import.meta.url).href];
  process.exitCode = await run(process.execPath, [...loader, `${root}/deploy/observability/main.ts`]);
});
