/**
 * `npm run test:security`: everything that means harm, in full: sandboxes with their hostile programs and weakened judges,
 * clients, models, the audit log, encryption; more of each than `npm test` has. Arguments go to jest.
 */

process.env.WFLO_TEST_SECURITY = "full";
process.argv.splice(
  2,
  0,
  "test/security",
  "test/adapters/sandbox",
  "test/encryption",
  "test/cli/audit",
  "test/core/audit",
  "test/core/worker-audit",
);
await import("./test.mjs");
