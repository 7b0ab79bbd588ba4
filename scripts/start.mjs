/** `npm start`: installs, builds, then runs the embedded server, a worker and the demo. `-- --once` ends after the demo. */

import { root, withProjectNode } from "./bootstrap.mjs";
import { build } from "./build.mjs";

await withProjectNode(import.meta.url, async () => {
  await build();
  process.argv.splice(2, 0, "dev", "--demo");
  await import(`${root}/dist/cli/main.js`);
});
