import { describe, expect, test } from "@jest/globals";
import { added, NO_HOLDERS } from "../../core/holder.js";
import { type Random, randomFrom, seeds } from "./random.js";
import { Network, SimulatedAccount, SimulatedHolder } from "./simulated-accounts.js";

/*
 * Accounts and runs over a network that delays, doubles and reorders everything: whatever the order, no account ever has
 * more out than its limit, runs never spend more than what is out, and nothing leaks.
 */

const DAY_MS = 86_400_000;
const STEPS = 600;

interface World {
  readonly network: Network;
  readonly accounts: readonly SimulatedAccount[];
  readonly holders: SimulatedHolder[];
}

function worldOf(random: Random, kind: "day" | "total"): World {
  const network = new Network();
  const root = new SimulatedAccount("acme", random.int(50, 400), network, null, kind);
  const team = new SimulatedAccount("acme/team", random.int(50, 400), network, root);
  const squad = new SimulatedAccount("acme/team/squad", random.int(50, 400), network, team);
  return { network, accounts: [root, team, squad], holders: [] };
}

function holdersBelow(world: World, account: SimulatedAccount): readonly SimulatedHolder[] {
  const below = world.accounts.filter((one) => one === account || one.name.startsWith(`${account.name}/`));
  return world.holders.filter((holder) => below.includes(holder.account));
}

function checkPromises(world: World): void {
  for (const account of world.accounts) {
    const { limitNanoUsd, limitPassed, holders, sums } = account.books;
    expect(sums).toEqual(Object.values(holders).reduce(added, NO_HOLDERS));
    if (!limitPassed) expect(account.committed).toBeLessThanOrEqual(limitNanoUsd);
    const charged = holdersBelow(world, account).reduce((sum, holder) => sum + holder.charged, 0);
    // Everything that was ever spent below it is covered by what it has given out, over all periods.
    if (account.books.kind === "total" && !limitPassed) expect(charged).toBeLessThanOrEqual(limitNanoUsd);
  }
}

function oneStep(world: World, random: Random, nowMs: number): void {
  const { network, holders, accounts } = world;
  const account = random.pick(accounts);
  const chance = random.int(1, 100);
  if (random.percent(10) && holders.length < 30) {
    holders.push(new SimulatedHolder(`r${holders.length}`, account, network, random.int(2, 20), random.percent(30)));
  } else if (network.waiting > 0 && random.percent(50)) network.deliver(random, nowMs);
  else if (chance <= 2) account.setLimit(random.int(40, 500));
  else if (chance <= 4) account.freeze(!account.books.frozen);
  else if (holders.length > 0) {
    const holder = random.pick(holders);
    if (random.percent(3)) holder.kill();
    else holder.step(random);
  }
}

/** Nobody begins anything new: every message arrives, who is gone is looked after, the rest ends. */
function settleDown(world: World, random: Random, nowMs: number): void {
  const { network, holders, accounts } = world;
  for (const account of accounts) if (account.books.frozen) account.freeze(false);
  const drain = () => {
    for (let left = 5_000; network.waiting > 0; left -= 1) {
      if (left === 0) throw new Error("messages never end");
      network.deliver(random, nowMs);
    }
  };
  drain();
  for (const holder of holders) {
    if (holder.state === "killed") holder.account.reclaim(holder.lease.leaseId, holder.charged);
  }
  for (const holder of holders) {
    while (holder.state === "working") {
      holder.step(random);
      drain();
    }
  }
  drain();
}

describe.each(["total", "day"] as const)("accounts for a %s", (kind) => {
  test.each(seeds(40))("keep every limit in schedule %i, and leak nothing", (seed) => {
    const random = randomFrom(seed);
    const world = worldOf(random, kind);
    let nowMs = 0;
    for (let step = 0; step < STEPS; step += 1) {
      if (kind === "day" && random.percent(1)) {
        nowMs += DAY_MS;
        for (const account of world.accounts) account.roll(nowMs);
      }
      oneStep(world, random, nowMs);
      checkPromises(world);
    }
    settleDown(world, random, nowMs);
    checkPromises(world);
    for (const account of world.accounts) {
      const live = Object.values(account.books.holders).filter(({ holds }) => holds === "run");
      expect(live).toEqual([]);
    }
  });
});
