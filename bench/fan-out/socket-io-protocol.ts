/**
 * socket.io's protocol 5 over Engine.IO's protocol 4, WebSocket only: a text frame announces an event and how many
 * binary attachments it has, and these follow as binary frames. Written out so that the receivers cost as little as those
 * of the other peers.
 */
import { openWebSocket, type WebSocketClient, type WebSocketOptions } from "../websocket-client.ts";
import { BINARY, clientFrame, TEXT } from "../websocket-frames.ts";
import { RECORD_BYTES } from "./peers/peer.ts";
import type { Protocol } from "./protocol.ts";

const ENGINE_OPEN = "0";
const CONNECT = "40";

export const socketIoProtocol: Protocol = {
  subscribe: ({ port }, { onRecords, onValue, onLost }) =>
    join({
      port,
      path: "/socket.io/?EIO=4&transport=websocket",
      prefixBytes: onValue === undefined ? CONNECT.length : RECORD_BYTES,
      onLost,
      onFrame: (opcode, _length, prefix) => {
        if (opcode !== BINARY) return;
        onValue?.(prefix);
        onRecords(1);
      },
    }),

  openSource: async ({ port }, ticks, onLost) => {
    const announcement = clientFrame(Buffer.from('451-["tick",{"_placeholder":true,"num":0}]'), TEXT);
    const frames = ticks.map((records) => Buffer.concat([announcement, clientFrame(Buffer.concat(records))]));
    const path = "/socket.io/?EIO=4&transport=websocket&role=source";
    const socket = await join({ port, path, prefixBytes: CONNECT.length, onLost, onFrame: () => {} });
    return {
      publish: (index) => socket.sendFrames(frames[index % frames.length] ?? new Uint8Array(0)),
      close: () => socket.close(),
    };
  },
};

/** Resolves when the server has let us into the default namespace; the application joins us to its room in the same step. */
async function join(options: WebSocketOptions): Promise<WebSocketClient> {
  let announceJoined: (() => void) | undefined;
  let announceOpen: (() => void) | undefined;
  const opened = new Promise<void>((resolve) => (announceOpen = resolve));
  const joined = new Promise<void>((resolve) => (announceJoined = resolve));
  const socket = await openWebSocket({
    ...options,
    onFrame: (opcode, length, prefix) => {
      const text = opcode === TEXT ? Buffer.from(prefix).toString("latin1") : "";
      if (text.startsWith(ENGINE_OPEN)) announceOpen?.();
      else if (text.startsWith(CONNECT)) announceJoined?.();
      else options.onFrame(opcode, length, prefix);
    },
  });
  await opened;
  socket.send(Buffer.from(CONNECT), TEXT);
  await joined;
  return socket;
}
