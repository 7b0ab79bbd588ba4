import { expect, test } from "@jest/globals";
import { identityFor } from "../../../adapters/sandbox/identity.js";

const HOST = "         0          0 4294967295\n";
const CONTAINER = "         0     100000      65536\n";
const SINGLE = "         0       1000          1\n";

const chosen = (uidMap: string, gidMap: string) => {
  const identity = identityFor(uidMap, gidMap);
  return identity.kind === "fresh" ? Array.from({ length: 200 }, () => identity.choose()) : [];
};

test("root of a host gives each run an id that no distribution, container or user has", () => {
  const ids = chosen(HOST, HOST);
  expect(Math.min(...ids)).toBeGreaterThanOrEqual(1_879_048_192);
  expect(Math.max(...ids)).toBeLessThan(2_013_265_920);
  expect(new Set(ids).size).toBeGreaterThan(190);
});

test("root of a container gives one of the ids that it has, above its users and below nobody", () => {
  const ids = chosen(CONTAINER, CONTAINER);
  expect(Math.min(...ids)).toBeGreaterThanOrEqual(20_000);
  expect(Math.max(...ids)).toBeLessThan(60_000);
});

test.each([
  ["of a namespace with one id", SINGLE, SINGLE],
  ["that has users but no groups", HOST, SINGLE],
  ["without any map", "", ""],
])("root %s keeps its own id", (_root, uidMap, gidMap) => {
  expect(chosen(uidMap, gidMap)).toEqual([]);
});
