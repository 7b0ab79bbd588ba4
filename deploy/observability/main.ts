import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { dashboardFiles } from "./dashboards.js";

/* `npm run dashboards`: writes deploy/observability/grafana/ from dashboards.ts. */

for (const [name, text] of Object.entries(dashboardFiles())) {
  await writeFile(join(process.cwd(), "deploy/observability/grafana", name), text);
}
