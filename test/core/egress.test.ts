import { describe, expect, test } from "@jest/globals";
import { egressHostFor, hostName } from "../../core/egress.js";

describe("a name of a host", () => {
  test.each([
    ["api.example.com", "api.example.com"],
    ["API.Example.COM.", "api.example.com"],
    ["xn--bcher-kva.example", "xn--bcher-kva.example"],
    ["_acme.a-b.example", "_acme.a-b.example"],
  ])("%s is compared as %s", (text, name) => expect(hostName(text)).toBe(name));

  test.each([
    ...[
      "127.0.0.1",
      "2130706433",
      "0x7f.1",
      "0x7f000001",
      "017700000001",
      "127.1",
      "::1",
      "[::1]",
      "1.2.3.4.",
      "localhost",
    ],
    ...[
      "",
      ".",
      "a..b",
      "-a.example",
      "a-.example",
      "a.example..",
      "a b.example",
      "a.example/..",
      "a.example:80",
      "bücher.example",
    ],
    ...[
      "a.example\0.evil.example",
      "a.example%00",
      "a@b.example",
      `${"a".repeat(64)}.example`,
      `${"a.".repeat(130)}example`,
      "a.1",
    ],
  ])("%j is none", (text) => expect(hostName(text)).toBeUndefined());
});

describe("the host of a policy", () => {
  const hosts = [
    { host: "*.example.com" },
    { host: "api.example.com", ports: [8443] },
    { host: "*.eu.example.com", ports: [443] },
    { host: "exact.test" },
  ];
  test.each([
    ["www.example.com", 443, "*.example.com"],
    ["a.b.example.com", 80, "*.example.com"],
    ["api.example.com", 8443, "api.example.com"],
    ["api.example.com", 443, "*.example.com"],
    ["x.eu.example.com", 443, "*.eu.example.com"],
    ["exact.test", 443, "exact.test"],
  ])("for %s:%d is %s", (name, port, host) => expect(egressHostFor(hosts, name, port)?.host).toBe(host));

  test.each([
    ["example.com", 443],
    ["evilexample.com", 443],
    ["example.com.evil.test", 443],
    ["www.example.com", 8080],
    ["sub.exact.test", 443],
    ["exact.test", 22],
  ])("for %s:%d is none", (name, port) => expect(egressHostFor(hosts, name, port)).toBeUndefined());
});
