/** Kafka's protocol over WebSocket: one frame is one message. */
import type { OpenTransport } from "../sync/transport.ts";

const SUBPROTOCOL = "rivulet.kafka.v1";

export function webSocketTransport(url: URL): OpenTransport {
  return (handler) => {
    const socket = new WebSocket(url, SUBPROTOCOL);
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
    socket.addEventListener("message", ({ data }: MessageEvent<unknown>) => {
      if (isOver) return;
      if (data instanceof ArrayBuffer) return handler.message(new Uint8Array(data));
      end("the other side sent text, which is not Kafka's protocol");
      socket.close();
    });
    // An error event tells nothing, by design; the close event that follows has the code.
    socket.addEventListener("close", ({ code, reason }) => end(closeReason(url, code, reason)));
    return {
      send: (message) => {
        if (socket.readyState === WebSocket.OPEN) socket.send(message as Uint8Array<ArrayBuffer>);
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
