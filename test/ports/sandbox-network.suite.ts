import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { DEFAULT_EGRESS } from "../../core/egress.js";
import type { Egress, OpenEgressPolicy } from "../../ports/egress.js";
import { DEFAULT_SANDBOX_LIMITS, type Sandbox, type SandboxLanguage } from "../../ports/sandbox.js";
import { openEgress } from "../../workers/egress.js";

/** What every sandbox does with a policy for the network: one suite for all, with the proxy in its own process. */
export function sandboxNetworkSuite(open: (egress?: Egress) => Sandbox): void {
  describe("code with a policy for the network", () => {
    let upstream: Server;
    let port = 0;
    const seen: string[] = [];
    const egress = openEgress();
    const sandbox = open(egress);
    beforeAll(async () => {
      upstream = createServer((message, response) => {
        seen.push(`${message.method} ${message.headers.host} ${message.headers.authorization ?? "–"}`);
        response.end(`it said ${message.headers.authorization ?? "nothing"}`);
      });
      await new Promise<void>((resolve) => upstream.listen(0, "127.0.0.1", resolve));
      port = (upstream.address() as AddressInfo).port;
    });
    afterAll(async () => {
      upstream.close();
      upstream.closeAllConnections();
      await egress.close();
    });

    const policy = (): OpenEgressPolicy => ({
      ...DEFAULT_EGRESS,
      hosts: [
        { host: "api.example.com", ports: [port], address: "127.0.0.1" },
        {
          ...{ host: "paid.example.com", ports: [port], address: "127.0.0.1", upstream: "http" },
          credential: { header: "authorization", value: "Bearer planted-credential" },
        },
      ],
    });
    const run = async (language: SandboxLanguage, code: string, network: OpenEgressPolicy | undefined = policy()) => {
      const request = { language, code, files: [], limits: DEFAULT_SANDBOX_LIMITS, ...(network ? { network } : {}) };
      return await sandbox.run(request, { signal: new AbortController().signal });
    };

    test.each<[SandboxLanguage, (url: string) => string]>([
      ["python", (url) => `import urllib.request; print(urllib.request.urlopen("${url}").read().decode())`],
      ["javascript", (url) => `console.log(await (await fetch("${url}")).text())`],
    ])("reaches an allowed host from %s, and what it moved is told", async (language, code) => {
      seen.length = 0;
      const ran = await run(language, code(`http://api.example.com:${port}/`));
      expect(ran).toMatchObject({ exitCode: 0, stdout: "it said nothing\n", stderr: "" });
      expect(seen).toEqual([`GET api.example.com:${port} –`]);
      expect(ran.network).toMatchObject([{ host: "api.example.com", port, outcome: "allowed", requests: 1 }]);
      expect(ran.network?.[0]?.bytesReceived).toBeGreaterThanOrEqual("it said nothing".length);
      expect(ran.files).toEqual([]);
    });

    test("has a credential put into its requests, and never has it", async () => {
      seen.length = 0;
      const look = `import os,urllib.request
urllib.request.urlopen("http://paid.example.com:${port}/").read()
print("planted" in str(os.environ) or any("planted-" + "credential" in open(os.path.join(d, f), errors="replace").read() for d, _, fs in os.walk("/code") for f in fs if f.endswith((".py", ".mjs", ".pem"))))`;
      expect(await run("python", look)).toMatchObject({ exitCode: 0, stdout: "False\n" });
      const asked = `GET paid.example.com:${port} Bearer planted-credential`;
      expect(seen).toEqual([asked]);
      // Node tunnels plain requests too.
      const fetching = await run(
        "javascript",
        `console.log((await fetch("http://paid.example.com:${port}/a")).status)`,
      );
      expect(fetching).toMatchObject({ stdout: "200\n", stderr: "" });
      expect(seen).toEqual([asked, asked]);
    });

    test("reaches nothing else: no other host, no address, no port of the machine, no socket", async () => {
      seen.length = 0;
      const code = `
import http.client, os, socket, urllib.request
def attempt(what, work):
    try:
        print(what, work())
    except Exception as error:
        print(what, "refused", getattr(error, "code", ""))
attempt("other", lambda: urllib.request.urlopen("http://other.example.com/").read())
attempt("address", lambda: urllib.request.urlopen("http://127.0.0.1:${port}/").read())
def by_proxy():
    connection = http.client.HTTPConnection("127.0.0.1", 3128)
    connection.request("GET", "http://127.0.0.1:${port}/")
    return connection.getresponse().status
attempt("address by the proxy", by_proxy)
attempt("directly", lambda: socket.create_connection(("127.0.0.1", ${port}), 2))
attempt("outside", lambda: socket.create_connection(("192.0.2.1", 80), 2))
attempt("by name", lambda: socket.getaddrinfo("api.example.com", 80))
attempt("the proxy's socket is there", lambda: os.path.exists("/code/egress.sock"))
attempt("removed", lambda: os.unlink("/code/egress.sock"))
`;
      const { stdout, network } = await run("python", code);
      expect(
        stdout
          .split("\n")
          .map((line) => line.trimEnd())
          .filter(Boolean),
      ).toEqual([
        "other refused 403",
        expect.stringMatching(/^address refused/),
        "address by the proxy 403",
        ...[
          "directly refused",
          "outside refused",
          "by name refused",
          "the proxy's socket is there True",
          "removed refused",
        ],
      ]);
      expect(seen).toEqual([]);
      expect(network).toMatchObject([{ outcome: "refused" }, { outcome: "refused" }]);
    });

    test("ends as it would without: status, signal, time, output of what it started", async () => {
      expect(await run("shell", "exit 7")).toMatchObject({ exitCode: 7 });
      expect(await run("shell", "kill -9 $$")).toMatchObject({ exitCode: null });
      expect(await run("shell", "echo out; echo err >&2; cat")).toMatchObject({
        exitCode: 0,
        stdout: "out\n",
        stderr: "err\n",
      });
      const request = {
        language: "shell",
        code: "sleep 60",
        files: [],
        limits: { ...DEFAULT_SANDBOX_LIMITS, wallMs: 1_500 },
      } as const;
      const late = await sandbox.run({ ...request, network: policy() }, { signal: new AbortController().signal });
      expect(late).toMatchObject({ timedOut: true, exitCode: null, network: [] });
    });

    test("has none where the worker has no proxy, or the request no policy", async () => {
      const request = { language: "shell", code: "true", files: [], limits: DEFAULT_SANDBOX_LIMITS } as const;
      const alone = open().run({ ...request, network: policy() }, { signal: new AbortController().signal });
      await expect(alone).rejects.toThrow(/has no egress proxy/);
      const { stdout } = await sandbox.run(
        { ...request, code: "env | grep -c -i proxy; ls /code" },
        { signal: new AbortController().signal },
      );
      expect(stdout).toBe("0\nmain.sh\n");
    });
  });
}
