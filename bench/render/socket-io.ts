/** socket.io between two tabs, as its documentation shows it: what one sends goes to all others, and is kept nowhere. */
import { once } from "node:events";
import { createServer } from "node:http";
import { Server } from "socket.io";
import { serveParent } from "../child.ts";

export type RelayCommands = {
  /** Listens on a free port of the loopback interface and answers which. It serves its own client, too. */
  listen: () => Promise<number>;
};

const commands: RelayCommands = {
  listen: async () => {
    const http = createServer();
    const io = new Server(http, { cors: { origin: true } });
    io.on("connection", (socket) =>
      socket.on("record", (record: unknown) => socket.broadcast.emit("record", record)),
    );
    http.listen({ host: "127.0.0.1", port: 0 });
    await once(http, "listening");
    const address = http.address();
    if (address === null || typeof address === "string") throw new Error("socket.io has no port");
    return address.port;
  },
};
serveParent(commands);
