import { expect, test } from "@jest/globals";
import { CLAIM_MS, jittered, LONGEST_CACHED, type ResponseCache } from "../../ports/response-cache.js";
import { eventually } from "../harness/eventually.js";

const MINUTE = 60_000;

/** The promises of ports/response-cache.ts, for every implementation. `open` makes an empty cache. */
export function responseCacheSuite({ open }: { readonly open: () => Promise<ResponseCache> }): void {
  const claimed = async (cache: ResponseCache, key: string) => {
    const look = await cache.look(key);
    if (look.kind !== "claimed") throw new Error(`the look at ${key} was ${look.kind}`);
    return look.claim;
  };

  test("what is kept is found, by its key alone", async () => {
    const cache = await open();
    await cache.keep("a", await claimed(cache, "a"), "answer é😀", MINUTE);
    expect(await cache.look("a")).toEqual({ kind: "hit", value: "answer é😀" });
    expect(await cache.look("b")).toMatchObject({ kind: "claimed" });
  });

  test("of many that look at once, one gets the claim, and all others hear that it is asked", async () => {
    const cache = await open();
    const looks = await Promise.all(Array.from({ length: 50 }, async () => await cache.look("busy")));
    expect(looks.filter(({ kind }) => kind === "claimed")).toHaveLength(1);
    expect(looks.filter(({ kind }) => kind === "asked")).toHaveLength(49);
  });

  test("a claim that is given up is free; that of another cannot be given up", async () => {
    const cache = await open();
    const claim = await claimed(cache, "key");
    await cache.giveUp("key", "not the claim");
    expect(await cache.look("key")).toEqual({ kind: "asked" });
    await cache.giveUp("key", claim);
    expect(await cache.look("key")).toMatchObject({ kind: "claimed" });
  });

  test("a claim that nobody renews ends by itself, one that is renewed does not", async () => {
    const cache = await open();
    await claimed(cache, "dead");
    const alive = await claimed(cache, "alive");
    await eventually(
      async () => {
        await cache.renew("alive", alive);
        expect(await cache.look("alive")).toEqual({ kind: "asked" });
        expect(await cache.look("dead")).toMatchObject({ kind: "claimed" });
      },
      { withinMs: 4 * CLAIM_MS },
    );
  });

  test("what is kept goes after its time", async () => {
    const cache = await open();
    await cache.keep("brief", await claimed(cache, "brief"), "answer", 50);
    await eventually(async () => expect((await cache.look("brief")).kind).not.toBe("hit"));
  });

  test("an answer that is too long is not kept, and its claim is free", async () => {
    const cache = await open();
    await cache.keep("long", await claimed(cache, "long"), "x".repeat(LONGEST_CACHED + 1), MINUTE);
    expect(await cache.look("long")).toMatchObject({ kind: "claimed" });
    await cache.keep("fits", await claimed(cache, "fits"), "x".repeat(LONGEST_CACHED), MINUTE);
    expect(await cache.look("fits")).toMatchObject({ kind: "hit" });
  });
}

/** Not of a cache, but of how long it keeps. */
export function jitterSuite(): void {
  test("answers are kept for their time, or up to a tenth less, never nothing", () => {
    expect([jittered(1_000, 0), jittered(1_000, 0.5), jittered(1_000, 0.999_999)]).toEqual([1_000, 950, 900]);
    expect(jittered(1, 0.999)).toBe(1);
  });
}
