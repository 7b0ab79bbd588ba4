import { CancellationScope } from "@temporalio/workflow";

/**
 * Does work in a scope of its own, and lets go of it in the end. A scope that can be cancelled keeps all that was ever begun
 * in it, an activity's arguments too, until it is: so is this one once nothing in it goes on.
 */
export async function inOwnScope<T>(work: () => Promise<T>): Promise<T> {
  if (!CancellationScope.current().cancellable) return await work();
  const scope = new CancellationScope();
  try {
    return await scope.run(work);
  } finally {
    scope.cancel();
  }
}
