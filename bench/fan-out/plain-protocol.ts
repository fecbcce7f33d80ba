/** The peers on bare WebSockets: one binary frame is one record; what the source sends is one tick in one frame. */
import { openWebSocket } from "../websocket-client.ts";
import { BINARY, clientFrame } from "../websocket-frames.ts";
import { RECORD_BYTES, SOURCE_PATH, SUBSCRIBER_PATH } from "./peers/peer.ts";
import type { Protocol } from "./protocol.ts";

export const plainProtocol: Protocol = {
  subscribe: ({ port }, { onRecords, onValue, onLost }) =>
    openWebSocket({
      port,
      path: SUBSCRIBER_PATH,
      prefixBytes: onValue === undefined ? 0 : RECORD_BYTES,
      onLost,
      onFrame: (opcode, _length, prefix) => {
        if (opcode !== BINARY) return;
        onValue?.(prefix);
        onRecords(1);
      },
    }),

  openSource: async ({ port }, ticks, onLost) => {
    const frames = ticks.map((records) => clientFrame(Buffer.concat(records)));
    const socket = await openWebSocket({
      port,
      path: SOURCE_PATH,
      prefixBytes: 0,
      onLost,
      onFrame: () => {},
    });
    return {
      publish: (index) => socket.sendFrames(frames[index % frames.length] ?? new Uint8Array(0)),
      close: () => socket.close(),
    };
  },
};
