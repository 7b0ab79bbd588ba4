import { CancellationScope, condition } from "@temporalio/workflow";

/**
 * Resolves once the run has done all it can with what this workflow task brought, and nothing is under way any more that
 * `isUnderWay` tells of. No timer, so nothing of it is in the history.
 *
 * The SDK hands over a task's jobs in one go, signals and updates before the results of activities; promises go on after
 * the last of them, and conditions are looked at again once no promise can go on. So behind one promise every job is there,
 * and at its next look a condition sees what became of them.
 */
export async function taskApplied(isUnderWay: () => boolean = () => false): Promise<void> {
  await CancellationScope.nonCancellable(async () => {
    await Promise.resolve();
    let looks = 0;
    await condition(() => looks++ > 0 && !isUnderWay());
  });
}
