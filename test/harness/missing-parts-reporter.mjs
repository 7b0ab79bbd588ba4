/**
 * Jest reporter: says which parts were missing, so that a skip never goes unseen. It comes before the default reporter,
 * whose summary is the last thing that a test run prints.
 */
export default class MissingPartsReporter {
  onRunComplete(_contexts, results) {
    const skipped = results.testResults.flatMap(({ testResults }) =>
      testResults.filter((test) => test.status === "pending"),
    );
    if (skipped.length === 0) return;
    process.stderr.write(`\nSkipped (${skipped.length}):\n`);
    for (const { fullName } of skipped) process.stderr.write(`  ${fullName}\n`);
  }
}
