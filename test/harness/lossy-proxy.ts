import type { AddressInfo } from "node:net";
import { connect, createServer, type Socket } from "node:net";

/** A TCP proxy before an HTTP server of this machine that can lose answers after the server has given them. */
export interface LossyProxy {
  readonly port: number;
  /** First lines of the requests that went through, such as `PUT /bucket/key HTTP/1.1`. */
  readonly requests: string[];
  /** The answers to the next requests that match are lost with their connections. */
  loseAnswers(request: RegExp, count: number): void;
  close(): Promise<void>;
}

export async function startLossyProxy(upstreamPort: number): Promise<LossyProxy> {
  const requests: string[] = [];
  const sockets = new Set<Socket>();
  let losing: { request: RegExp; left: number } | undefined;
  const server = createServer((client) => {
    const upstream = connect(upstreamPort, "127.0.0.1");
    let isLost = false;
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on("error", () => {}).on("close", () => sockets.delete(socket));
    }
    client.on("data", (data) => {
      const first = /^[A-Z]+ \S+ HTTP\/1\.1/.exec(data.toString("latin1"))?.[0];
      if (first !== undefined) {
        requests.push(first);
        if (losing && losing.left > 0 && losing.request.test(first)) {
          losing.left -= 1;
          isLost = true;
        }
      }
      upstream.write(data);
    });
    upstream.on("data", (data) => {
      if (!isLost) return client.write(data);
      client.destroy();
      upstream.destroy();
    });
    client.on("close", () => upstream.destroy());
    upstream.on("close", () => client.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    requests,
    loseAnswers(request, count) {
      losing = { request, left: count };
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
