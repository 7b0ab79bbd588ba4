import { proxyActivities } from "@temporalio/workflow";

const { settle } = proxyActivities<{ settle(amount: number): Promise<void> }>({ startToCloseTimeout: "1s" });

export async function run(): Promise<void> {
  settle(1); // breaks typescript(no-floating-promises)
  [1].forEach(async (amount) => await settle(amount)); // breaks typescript(no-misused-promises)
  await settle; // breaks typescript(await-thenable)
  await settle(2);
}
