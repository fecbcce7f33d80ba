/** In front of a gateway: passes everything on, and counts the WebSockets among what comes. */
import { once } from "node:events";
import { connect, createServer } from "node:net";
import type { Socket } from "node:net";

export interface CountingProxy {
  readonly port: number;
  /** WebSockets that are open now. */
  readonly open: number;
  /** WebSockets that were ever asked for. */
  readonly asked: number;
  /** How often somebody has asked whether the gateway is there. */
  readonly knocks: number;
  close(): Promise<void>;
}

/** `target` answers the gateway's port. */
export async function startCountingProxy(target: () => number): Promise<CountingProxy> {
  const sockets = new Set<Socket>();
  const webSockets = new Set<Socket>();
  let asked = 0;
  let knocks = 0;
  const server = createServer((client) => {
    const gateway = connect(target(), "127.0.0.1");
    for (const socket of [client, gateway]) {
      sockets.add(socket);
      socket.on("error", () => undefined);
      socket.on("close", () => {
        sockets.delete(socket);
        webSockets.delete(client);
        client.destroy();
        gateway.destroy();
      });
    }
    client.once("data", (bytes) => {
      const request = bytes.toString("latin1");
      if (request.startsWith("GET /healthz")) knocks += 1;
      if (!request.startsWith("GET /ws")) return;
      asked += 1;
      webSockets.add(client);
    });
    client.pipe(gateway);
    gateway.pipe(client);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  return {
    port: typeof address === "object" && address !== null ? address.port : 0,
    get open() {
      return webSockets.size;
    },
    get asked() {
      return asked;
    },
    get knocks() {
      return knocks;
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}
