import { randomUUID } from "node:crypto";
import { expect, test } from "@jest/globals";
import type { ObjectStore } from "../../ports/object-store.js";

/** The promises of ports/object-store.ts, for every implementation. `open` opens a store, each time the same; it may have other tests' keys. */
export function objectStoreSuite({ open }: { readonly open: () => Promise<ObjectStore> }): void {
  const folder = () => `suite/${randomUUID()}`;
  const bytes = (text: string) => new TextEncoder().encode(text);
  const read = async (store: ObjectStore, key: string) => {
    const value = await store.get(key);
    return value && new TextDecoder().decode(value);
  };

  test("what was put is got, until it is overwritten or deleted", async () => {
    const [store, key] = [await open(), `${folder()}/key`];
    expect(await store.get(key)).toBeUndefined();
    await store.put(key, bytes("one"));
    expect(await read(store, key)).toBe("one");
    await store.put(key, bytes("two"));
    expect(await read(store, key)).toBe("two");
    await store.delete(key);
    expect(await store.get(key)).toBeUndefined();
    await store.delete(key);
    await store.put(key, bytes("three"));
    expect(await read(store, key)).toBe("three");
  });

  test("putting where there is something changes nothing and says so", async () => {
    const [store, key] = [await open(), `${folder()}/key`];
    expect(await store.putIfAbsent(key, bytes("first"))).toBe(true);
    expect(await store.putIfAbsent(key, bytes("second"))).toBe(false);
    expect(await read(store, key)).toBe("first");
    await store.delete(key);
    expect(await store.putIfAbsent(key, bytes("third"))).toBe(true);
  });

  test("of 20 racers that put if absent one wins, and its value is what all find", async () => {
    const [store, key] = [await open(), `${folder()}/race`];
    const racers = Array.from({ length: 20 }, (_, n) => `racer ${n} ${"x".repeat(n * 500)}`);
    const found = await Promise.all(
      racers.map(async (text) => ({
        text,
        won: await store.putIfAbsent(key, bytes(text)),
        read: await read(store, key),
      })),
    );
    const winners = found.filter(({ won }) => won);
    expect(winners).toHaveLength(1);
    for (const one of found) expect(one.read).toBe(winners[0]?.text);
  });

  test("a passing value is kept like any other while nothing loses its power", async () => {
    const [store, key] = [await open(), `${folder()}/lease`];
    const passing = { passing: true };
    expect(await store.putIfAbsent(key, bytes("first"), passing)).toBe(true);
    expect(await store.putIfAbsent(key, bytes("second"), passing)).toBe(false);
    expect(await read(await open(), key)).toBe("first");
    await store.put(key, bytes("third"), passing);
    expect(await read(await open(), key)).toBe("third");
  });

  test("whoever reads while others overwrite sees one whole value", async () => {
    const [store, key] = [await open(), `${folder()}/overwritten`];
    const values = Array.from({ length: 6 }, (_, n) => String(n).repeat(200_000));
    await store.put(key, bytes(values[0]!));
    let isWriting = true;
    const writing = Promise.all(values.map(async (value) => await store.put(key, bytes(value)))).finally(() => {
      isWriting = false;
    });
    const seen = new Set<string>();
    while (isWriting) seen.add((await read(store, key)) ?? "nothing");
    await writing;
    for (const value of seen) expect(values).toContain(value);
    expect(values).toContain(await read(store, key));
  });

  test.each([0, 1, 64 * 1024, 5 * 1024 * 1024])("a value of %d bytes comes back byte for byte", async (size) => {
    const [store, key] = [await open(), `${folder()}/sized`];
    const value = Uint8Array.from({ length: size }, (_, n) => (n * 131 + (n >> 8)) % 256);
    expect(await store.putIfAbsent(key, value)).toBe(true);
    const got = await store.get(key);
    expect(got?.length).toBe(size);
    expect(Buffer.compare(got ?? bytes("none"), value)).toBe(0);
  });

  test("what the caller does to its bytes afterwards changes nothing that is stored", async () => {
    const [store, key] = [await open(), `${folder()}/owned`];
    const mine = Buffer.from("mine");
    await store.put(key, mine);
    mine.fill(0);
    const got = await store.get(key);
    got?.fill(0);
    expect(await read(store, key)).toBe("mine");
  });

  test("keys below a prefix are listed in lexical order, those beside it are not", async () => {
    const [store, at] = [await open(), folder()];
    const keys = ["a/1", "a/10", "a/2", "a/B", "a/b=c", "a/b_c", "a/b/deep/er", "a-b/1", "ab"].map(
      (key) => `${at}/${key}`,
    );
    for (const key of keys) await store.put(key, bytes("x"));
    expect(await store.list(`${at}/a/`)).toEqual(keys.filter((key) => key.startsWith(`${at}/a/`)).sort());
    expect(await store.list(`${at}/`)).toEqual([...keys].sort());
    expect(await store.list(`${at}/none/`)).toEqual([]);
    await store.delete(keys[0]!);
    expect(await store.list(`${at}/a/`)).not.toContain(keys[0]);
  });

  test("a folder of keys is no key itself", async () => {
    const [store, at] = [await open(), folder()];
    await store.put(`${at}/folder/key`, bytes("x"));
    expect(await store.get(`${at}/folder`)).toBeUndefined();
    await store.delete(`${at}/folder`);
    expect(await store.get(`${at}/folder/key/below`)).toBeUndefined();
    expect(await read(store, `${at}/folder/key`)).toBe("x");
  });

  test.each([
    ["nothing", ""],
    ["a way up", "a/../b"],
    ["the folder itself", "a/./b"],
    ["a leading slash", "/a"],
    ["a trailing slash", "a/"],
    ["two slashes", "a//b"],
    ["other scripts", "é"],
    ["white space", "a b"],
    ["a backslash", "a\\b"],
    ["a control character", "a\u0000b"],
    ["a file system's own sign", "+a"],
    ["513 characters", `${"a/".repeat(256)}b`],
    ["a segment of 201 characters", "a".repeat(201)],
  ])("a key with %s is refused by every call", async (_case, key) => {
    const store = await open();
    await expect(store.get(key)).rejects.toThrow(RangeError);
    await expect(store.put(key, bytes("x"))).rejects.toThrow(RangeError);
    await expect(store.putIfAbsent(key, bytes("x"))).rejects.toThrow(RangeError);
    await expect(store.delete(key)).rejects.toThrow(RangeError);
    await expect(store.list(`${key}/`)).rejects.toThrow(RangeError);
  });

  test.each(["", "a", "/", "../"])("the prefix %j is refused", async (prefix) => {
    await expect((await open()).list(prefix)).rejects.toThrow(RangeError);
  });

  test("the longest key there can be works", async () => {
    const store = await open();
    const key = `${folder()}/`.padEnd(512, `${"k".repeat(199)}/`).replace(/\/$/, "k");
    await store.put(key, bytes("x"));
    expect(await read(store, key)).toBe("x");
    expect(await store.list(`${key.slice(0, key.lastIndexOf("/"))}/`)).toEqual([key]);
  });
}
