/** socket.io as its documentation shows a broadcast: all subscribers in one room, one `emit` to it per record. */
import { once } from "node:events";
import { createServer } from "node:http";
import { Server } from "socket.io";
import { serveParent } from "../../child.ts";
import { recordsOf, type PeerCommands } from "./peer.ts";

const HOUR_MS = 3_600_000;

const commands: PeerCommands = {
  listen: async () => {
    const http = createServer();
    // The receivers answer no pings; at an hour's interval there are none.
    const io = new Server(http, { transports: ["websocket"], pingInterval: HOUR_MS, pingTimeout: HOUR_MS });
    io.on("connection", (socket) => {
      if (socket.handshake.query.role !== "source") return socket.join("records");
      socket.on("tick", (tick: Uint8Array) => {
        for (const record of recordsOf(tick)) io.to("records").emit("record", record);
      });
    });
    http.listen({ host: "127.0.0.1", port: 0, backlog: 4096 });
    await once(http, "listening");
    const address = http.address();
    if (address === null || typeof address === "string") throw new Error("socket.io has no port");
    return address.port;
  },
};
serveParent(commands);
