/** Address of the Temporal server that all suites share. Throws with the reason when it could not be started. */
export function temporalAddress(): string {
  return prepared("TEMPORAL_ADDRESS");
}

/** File with the workflow bundle that all suites share, for `workflowBundle: { codePath }`. Throws with the reason when it could not be built. */
export function workflowBundlePath(): string {
  return prepared("WFLO_TEST_BUNDLE");
}

function prepared(name: "TEMPORAL_ADDRESS" | "WFLO_TEST_BUNDLE"): string {
  const problems = JSON.parse(process.env.WFLO_TEST_PROBLEMS ?? "{}") as Record<string, string>;
  const value = process.env[name];
  if (problems[name] !== undefined) throw new Error(problems[name]);
  if (value === undefined || value === "") throw new Error(`${name} is not set: jest's globalSetup did not run.`);
  return value;
}
