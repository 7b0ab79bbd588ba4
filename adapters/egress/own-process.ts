import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import type { Egress } from "../../ports/egress.js";
import type { EgressAnswer, EgressQuestion } from "./wire.js";

export interface EgressProcessOptions {
  /** The module that calls `serveEgress`. */
  readonly modulePath: string;
  readonly execArgv?: readonly string[];
}

/** What the proxy needs of an environment: nothing of the worker's secrets. */
const PASSED = ["PATH", "HOME", "NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE", "SSL_CERT_DIR"];

type Asked = { readonly resolve: (answer: EgressAnswer) => void; readonly reject: (error: Error) => void };

/** The proxy in a process of its own, which is started when the first gate is opened, and again where it has died. */
export function createEgressProcess({ modulePath, execArgv = [] }: EgressProcessOptions): Egress {
  let running: ChildProcess | undefined;
  let ids = 0;
  const waiting = new Map<number, Asked>();

  const start = (): ChildProcess => {
    const env = Object.fromEntries(PASSED.flatMap((name) => (process.env[name] ? [[name, process.env[name]]] : [])));
    const child = fork(modulePath, [], { env, execArgv: [...execArgv], stdio: ["ignore", "ignore", "inherit", "ipc"] });
    child.unref();
    child.channel?.unref();
    child.on("message", (answer: EgressAnswer) => {
      const asked = waiting.get(answer.id);
      waiting.delete(answer.id);
      if (answer.error === undefined) asked?.resolve(answer);
      else asked?.reject(new Error(answer.error));
    });
    child.on("error", () => undefined);
    child.once("exit", () => {
      if (running === child) running = undefined;
      for (const [id, asked] of waiting) {
        waiting.delete(id);
        asked.reject(new Error("the egress proxy has ended"));
      }
    });
    return child;
  };
  const ask = async (question: (id: number) => EgressQuestion): Promise<{ id: number; answer: EgressAnswer }> => {
    ids += 1;
    const id = ids;
    running ??= start();
    const child = running;
    // A process that nothing else keeps alive waits for the answer.
    child.channel?.ref();
    try {
      const answer = await new Promise<EgressAnswer>((resolve, reject) => {
        waiting.set(id, { resolve, reject });
        child.send(question(id), (error) => error && reject(error));
      });
      return { id, answer };
    } finally {
      waiting.delete(id);
      if (waiting.size === 0) child.channel?.unref();
    }
  };
  return {
    async open(socketPath, policy) {
      const { id: gate } = await ask((id) => ({ id, kind: "open", socketPath, policy }));
      const opener = running;
      return {
        async close() {
          if (opener !== running) throw new Error("the egress proxy has ended, and with it what it had counted");
          return (await ask((id) => ({ id, kind: "close", gate }))).answer.records ?? [];
        },
      };
    },
    async close() {
      const child = running;
      if (!child) return;
      const ended = once(child, "exit");
      if (child.connected) child.disconnect();
      await ended;
    },
  };
}
