/** Once for all suites, after the last. */
import "../../scripts/typescript.mjs";

export default async function tearDown() {
  const { tearDownServers } = await import("./servers.ts");
  await tearDownServers();
}
