import { describe, expect, test } from "@jest/globals";
import { z } from "zod";
import { type NetworkOptions, withNetwork } from "../../agents/network.js";
import { python, shell } from "../../agents/sandbox-tools.js";
import { defineTool, secretRef } from "../../agents/tool.js";

describe("a sandbox tool with network", () => {
  test("says so to the model, asks for approval, and is not repeated behind anybody's back", () => {
    const { spec } = withNetwork(python, { hosts: ["PyPI.org.", "*.example.com"] });
    expect(spec).toMatchObject({ name: "python", safe: false, repeatable: false });
    const other = withNetwork(python, { hosts: ["pypi.org"], name: "python_online" });
    expect(other.spec.name).toBe("python_online");
    // What was approved for some hosts is not approved for others.
    expect(other.spec.version).not.toBe(spec.version);
    expect(spec.description).toContain("HTTP and HTTPS to pypi.org, *.example.com alone");
    expect(spec.settings?.network).toEqual({
      hosts: [{ host: "pypi.org" }, { host: "*.example.com" }],
      bytes: 100 * 1024 * 1024,
      requests: 1_000,
    });
  });

  test("has where a credential is, and not the credential", () => {
    const credential = { secret: secretRef("env:CRM_TOKEN"), prefix: "Bearer " };
    const { spec } = withNetwork(shell, {
      hosts: [{ host: "api.example.com", ports: [8443], credential }],
      bytes: 10,
      approval: "never",
    });
    expect(spec).toMatchObject({ approval: "never", settings: { language: "shell" } });
    expect(spec.settings?.network).toMatchObject({
      bytes: 10,
      hosts: [
        {
          ports: [8443],
          credential: { header: "authorization", prefix: "Bearer ", secret: { from: "env", name: "CRM_TOKEN" } },
        },
      ],
    });
  });

  test.each<[string, unknown]>([
    ["hosts must be a list of 1 to 100 hosts", []],
    ["hosts must be a list", "pypi.org"],
    [
      'hosts[0] must be a name such as api.example.com or *.example.com, not "127.0.0.1" (addresses are not',
      ["127.0.0.1"],
    ],
    ["(addresses are not", ["[::1]"]],
    ["(addresses are not", ["169.254.169.254"]],
    ["must be a name", ["2130706433"]],
    ["must be a name", ["localhost"]],
    ["must be a name", ["https://pypi.org"]],
    ["must be a name", ["pypi.org:443"]],
    ["must be a name", ["*"]],
    ["must be a name", ["a.*.example.com"]],
    ["must be a name", [""]],
    ["must be a name", [7]],
    ["must be a name", ["*.com"]],
    ["is a domain in which anybody can have a name: *.co.uk", ["*.co.uk"]],
    ["is a domain in which anybody can have a name: *.github.io", ["*.github.io"]],
    ["ports must be a list", [{ host: "a.example", ports: [0] }]],
    ["ports must be a list", [{ host: "a.example", ports: [] }]],
    ["address must be one", [{ host: "a.example", address: "b.example" }]],
    ["upstream must be", [{ host: "a.example", upstream: "ftp" }]],
    ["credential.secret must be secretRef", [{ host: "a.example", credential: { secret: "s3cret" } }]],
    ["credential.header", [{ host: "a.example", credential: { secret: secretRef("env:A"), header: "Host" } }]],
    ["credential.header", [{ host: "a.example", credential: { secret: secretRef("env:A"), header: "a\r\nb" } }]],
    ["credential.prefix", [{ host: "a.example", credential: { secret: secretRef("env:A"), prefix: "a\r\n" } }]],
  ])("is told what is wrong: %s", (problem, hosts) => {
    expect(() => withNetwork(python, { hosts } as NetworkOptions)).toThrow(/^tool "python": network/);
    expect(() => withNetwork(python, { hosts } as NetworkOptions)).toThrow(problem);
  });

  test("is a sandbox tool", () => {
    const tool = defineTool({ name: "own", description: "x", input: z.object({}), execute: () => 1 });
    expect(() => withNetwork(tool, { hosts: ["a.example"] })).toThrow(/is for sandbox tools/);
    expect(() => withNetwork(python, { hosts: ["a.example"], requests: 0.5 })).toThrow(
      /network.requests must be a whole/,
    );
  });
});
