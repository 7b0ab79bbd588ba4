import { jest } from "@jest/globals";

/*
 * Real servers on a machine that is busy with other tests: in CI a test that fails is tried once more, and its first failure
 * is shown. A second failure is one.
 */
if (process.env.CI === "true") jest.retryTimes(1, { logErrorsBeforeRetry: true });
