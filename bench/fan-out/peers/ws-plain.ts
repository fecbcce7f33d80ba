/** npm `ws` as its documentation shows a broadcast: one `send` per client and record. */
import { WebSocket } from "ws";
import { serveParent } from "../../child.ts";
import { recordsOf } from "./peer.ts";
import { listenWithWs } from "./ws-server.ts";

const subscribers = new Set<WebSocket>();

serveParent(
  listenWithWs({
    onSubscriber: (client) => {
      subscribers.add(client);
      client.on("close", () => subscribers.delete(client));
    },
    onTick: (tick) => {
      for (const record of recordsOf(tick)) {
        for (const client of subscribers) {
          if (client.readyState === WebSocket.OPEN) client.send(record);
        }
      }
    },
  }),
);
