/** npm `ws` at its best: the tick's frames are built once, and written past the library to each socket in one write. */
import type { Duplex } from "node:stream";
import { serveParent } from "../../child.ts";
import { serverFrame } from "../../websocket-frames.ts";
import { recordsOf } from "./peer.ts";
import { listenWithWs } from "./ws-server.ts";

const subscribers = new Set<Duplex>();

serveParent(
  listenWithWs({
    onSubscriber: (client, request) => {
      subscribers.add(request.socket);
      client.on("close", () => subscribers.delete(request.socket));
    },
    onTick: (tick) => {
      const frames = Buffer.concat(recordsOf(tick).map(serverFrame));
      for (const socket of subscribers) socket.write(frames);
    },
  }),
);
