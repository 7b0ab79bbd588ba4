/** Once for all suites, before the first: jest loads this file itself, hence plain JavaScript that lets the rest be TypeScript. */
import "../../scripts/typescript.mjs";

export default async function setUp() {
  const { setUpServers } = await import("./servers.ts");
  await setUpServers();
}
