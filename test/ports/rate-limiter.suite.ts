import { expect, test } from "@jest/globals";
import type { RateLimiter } from "../../ports/rate-limiter.js";
import { eventually } from "../harness/eventually.js";

/** The promises of ports/rate-limiter.ts, for every implementation. `open` makes one with full buckets. */
export function rateLimiterSuite({ open }: { readonly open: () => Promise<RateLimiter> }): void {
  const slow = { name: "slow", perMinute: 3 };

  test("a minute's worth is there at once; then it says when there is room", async () => {
    const limiter = await open();
    for (let n = 0; n < 3; n += 1) expect(await limiter.take([{ ...slow, amount: 1 }])).toEqual({ ok: true });
    const refused = await limiter.take([{ ...slow, amount: 1 }]);
    expect(refused).toMatchObject({ ok: false });
    const { retryAfterMs } = refused as { retryAfterMs: number };
    expect(retryAfterMs).toBeGreaterThan(0);
    expect(retryAfterMs).toBeLessThanOrEqual(20_000);
  });

  test("of many takers at once no more get something than there is", async () => {
    const limiter = await open();
    const bucket = { name: "race", perMinute: 20, amount: 1 };
    const taken = await Promise.all(Array.from({ length: 100 }, async () => await limiter.take([bucket])));
    expect(taken.filter(({ ok }) => ok)).toHaveLength(20);
  });

  test("where one bucket has not enough, nothing is taken of the others", async () => {
    const limiter = await open();
    const [a, b] = [
      { name: "a", perMinute: 5 },
      { name: "b", perMinute: 2 },
    ];
    expect(
      await limiter.take([
        { ...a, amount: 1 },
        { ...b, amount: 2 },
      ]),
    ).toEqual({ ok: true });
    expect(
      await limiter.take([
        { ...a, amount: 1 },
        { ...b, amount: 2 },
      ]),
    ).toMatchObject({ ok: false });
    expect(await limiter.take([{ ...a, amount: 4 }])).toEqual({ ok: true });
  });

  test("a bucket fills again", async () => {
    const limiter = await open();
    const quick = { name: "quick", perMinute: 600, amount: 600 };
    expect(await limiter.take([quick])).toEqual({ ok: true });
    await eventually(async () => expect(await limiter.take([{ ...quick, amount: 1 }])).toEqual({ ok: true }));
  });

  test("more than a bucket can hold counts as all of it, and is owed", async () => {
    const limiter = await open();
    expect(await limiter.take([{ ...slow, amount: 9 }])).toEqual({ ok: true });
    const { retryAfterMs } = (await limiter.take([{ ...slow, amount: 1 }])) as { retryAfterMs: number };
    expect(retryAfterMs).toBeGreaterThan(100_000);
  });

  test("what is settled later is taken too, or given back, never beyond a minute's worth", async () => {
    const limiter = await open();
    expect(await limiter.take([{ ...slow, amount: 1 }])).toEqual({ ok: true });
    await limiter.settle(slow, 2);
    expect(await limiter.take([{ ...slow, amount: 1 }])).toMatchObject({ ok: false });
    await limiter.settle(slow, -100);
    expect(await limiter.take([{ ...slow, amount: 3 }])).toEqual({ ok: true });
    expect(await limiter.take([{ ...slow, amount: 1 }])).toMatchObject({ ok: false });
  });

  test("nothing to take is always there", async () => {
    expect(await (await open()).take([])).toEqual({ ok: true });
  });
}
