/** Kafka's protocol over WebSocket: one frame is one message. */
import { unreachable } from "./address.ts";
import type { OpenTransport } from "../sync/transport.ts";

const SUBPROTOCOL = "rivulet.kafka.v1";

/** What is used of a WebSocket: browsers' own, and those that other runtimes and packages have. */
export interface WebSocketLike {
  binaryType: string;
  readonly readyState: number;
  addEventListener(type: "open", listener: () => void): void;
  addEventListener(type: "message", listener: (event: { readonly data: unknown }) => void): void;
  addEventListener(
    type: "close",
    listener: (event: { readonly code: number; readonly reason: string }) => void,
  ): void;
  addEventListener(type: "error", listener: () => void): void;
  send(message: Uint8Array<ArrayBuffer>): void;
  close(): void;
}

export type WebSocketClass = new (url: string, protocol: string) => WebSocketLike;

/** `readyState` of one that messages can be sent on. */
const OPEN = 1;
/** `readyState` of one that is over. */
const CLOSED = 3;

/** `WebSocket` where it is not the host's own. */
export function webSocketTransport(url: URL, WebSocket?: WebSocketClass): OpenTransport {
  return (handler) => {
    const socket = new (WebSocket ?? (globalThis.WebSocket as WebSocketClass))(url.href, SUBPROTOCOL);
    socket.binaryType = "arraybuffer";
    let isOver = false;
    const end = (reason: string): void => {
      if (isOver) return;
      isOver = true;
      handler.closed(reason);
    };
    socket.addEventListener("open", () => {
      if (!isOver) handler.opened();
    });
    socket.addEventListener("message", ({ data }) => {
      if (isOver) return;
      if (data instanceof ArrayBuffer) return handler.message(new Uint8Array(data));
      end("the other side sent text, which is not Kafka's protocol");
      socket.close();
    });
    // An error event tells nothing, by design; the close event that follows has the code. Chromium fires none where the page's
    // policy forbids the connection.
    socket.addEventListener("error", () => {
      if (socket.readyState === CLOSED) setTimeout(() => end(unreachable(url)));
    });
    socket.addEventListener("close", ({ code, reason }) => end(closeReason(url, code, reason)));
    return {
      send: (message) => {
        if (socket.readyState === OPEN) socket.send(message as Uint8Array<ArrayBuffer>);
      },
      close: () => {
        socket.close();
        end("closed by this side");
      },
    };
  };
}

function closeReason(url: URL, code: number, reason: string): string {
  if (reason !== "") return reason;
  return code === 1006
    ? `${url.host} cannot be reached, or the connection broke`
    : `${url.host} closed the connection (code ${code})`;
}
