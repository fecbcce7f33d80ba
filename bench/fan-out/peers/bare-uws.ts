/** The bare loop: nothing but uWebSockets, one corked `send` loop over all sockets per tick. No log, no offsets, no loss control. */
import { App, us_socket_local_port, type WebSocket } from "uWebSockets.js";
import { serveParent } from "../../child.ts";
import { recordsOf, SOURCE_PATH, SUBSCRIBER_PATH, type PeerCommands } from "./peer.ts";

const BACKPRESSURE_BYTES_MAX = 64 * 1024 * 1024;

const subscribers = new Set<WebSocket<unknown>>();
const settings = { idleTimeout: 0, maxBackpressure: BACKPRESSURE_BYTES_MAX, maxPayloadLength: 1024 * 1024 };

const app = App()
  .ws(SUBSCRIBER_PATH, {
    ...settings,
    open: (socket) => void subscribers.add(socket),
    close: (socket) => void subscribers.delete(socket),
  })
  .ws(SOURCE_PATH, {
    ...settings,
    message: (_, tick) => {
      // The message is gone when this returns; and until then the one cork that there is belongs to the source's socket,
      // so that sends to the others would go out one by one.
      const records = recordsOf(new Uint8Array(tick).slice());
      setImmediate(() => sendToAll(records));
    },
  });

function sendToAll(records: readonly Uint8Array[]): void {
  for (const socket of subscribers) {
    socket.cork(() => {
      for (const record of records) socket.send(record, true);
    });
  }
}

const commands: PeerCommands = {
  listen: () =>
    new Promise((resolve, reject) => {
      app.listen("127.0.0.1", 0, (socket) => {
        if (socket) resolve(us_socket_local_port(socket));
        else reject(new Error("uWebSockets could not listen on a free port"));
      });
    }),
};
serveParent(commands);
