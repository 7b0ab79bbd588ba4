import { getCACertificates } from "node:tls";

/*
 * How code in a sandbox gets to the egress proxy: the proxy listens on a local socket in the code's folder, and a relay
 * inside the sandbox's own network, where nothing else is, leads to it from the port that programs are told of.
 */

/** Names in the code's folder. */
export const RELAY = { program: "relay.mjs", socket: "egress.sock", certificates: "certificates.pem" } as const;

const PORT = 3128;

/** What the relay itself takes, which is no part of the code's limits. */
export const RELAY_PROCESSES = 24;
export const RELAY_MEMORY_BYTES = 96 * 1024 * 1024;
const RELAY_HEAP_MIB = 32;

/** It starts the code once it listens, and ends as the code did. */
const PROGRAM = `
import { spawn } from "node:child_process";
import { connect, createServer } from "node:net";
import { constants } from "node:os";
const [program, ...rest] = process.argv.slice(2);
const server = createServer((client) => {
  const proxy = connect("/code/${RELAY.socket}");
  for (const [one, other] of [[client, proxy], [proxy, client]]) one.pipe(other).on("error", () => one.destroy());
  for (const one of [client, proxy]) one.on("error", () => one.destroy()).on("close", () => { client.destroy(); proxy.destroy(); });
});
server.on("error", (error) => { console.error(\`the way to the network is not there: \${error.message}\`); process.exit(125); });
server.listen(${PORT}, "127.0.0.1", () => {
  const child = spawn(program, rest, { stdio: "inherit" });
  child.on("error", (error) => { console.error(error.message); process.exit(127); });
  child.on("exit", (code, signal) => process.exit(signal === null ? code : 128 + constants.signals[signal]));
});
`;

let certificates: string | undefined;

/** The relay, and the roots that programs check servers by: the machine's own, with those of Node. */
export function relayFiles(): Readonly<Record<string, string>> {
  certificates ??= [...new Set([...getCACertificates("default"), ...getCACertificates("system")])].join("\n");
  return { [RELAY.program]: PROGRAM, [RELAY.certificates]: certificates };
}

/** Starts a command below the relay. */
export function relayed(nodePath: string, argv: readonly string[]): readonly string[] {
  return [nodePath, `--max-old-space-size=${RELAY_HEAP_MIB}`, "--v8-pool-size=1", `/code/${RELAY.program}`, ...argv];
}

/** Tells programs of the proxy, each in its own way. */
export function relayEnvironment(): Readonly<Record<string, string>> {
  const proxy = `http://127.0.0.1:${PORT}`;
  const roots = `/code/${RELAY.certificates}`;
  return {
    ...{ HTTP_PROXY: proxy, HTTPS_PROXY: proxy, http_proxy: proxy, https_proxy: proxy },
    ...{ NO_PROXY: "localhost,127.0.0.1", no_proxy: "localhost,127.0.0.1", NODE_USE_ENV_PROXY: "1" },
    ...{
      SSL_CERT_FILE: roots,
      REQUESTS_CA_BUNDLE: roots,
      CURL_CA_BUNDLE: roots,
      PIP_CERT: roots,
      NODE_EXTRA_CA_CERTS: roots,
    },
  };
}
