/** The server that both `ws` peers stand on. */
import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import { WebSocketServer, type WebSocket } from "ws";
import { SOURCE_PATH, type PeerCommands } from "./peer.ts";

export interface WsPeer {
  onSubscriber(client: WebSocket, request: IncomingMessage): void;
  onTick(tick: Uint8Array): void;
}

export function listenWithWs(peer: WsPeer): PeerCommands {
  return {
    listen: async () => {
      const server = new WebSocketServer({ host: "127.0.0.1", port: 0, backlog: 4096 });
      server.on("connection", (client, request) => {
        client.on("error", () => client.terminate());
        if (request.url !== SOURCE_PATH) return peer.onSubscriber(client, request);
        // One frame arrives as one Buffer: ws joins pieces unless it is asked for fragments.
        client.on("message", (tick) => {
          if (tick instanceof Uint8Array) peer.onTick(tick);
        });
      });
      await once(server, "listening");
      const address = server.address();
      if (address === null || typeof address === "string") throw new Error("ws has no port");
      return address.port;
    },
  };
}
