/** A WebSocket client on a bare socket, one read buffer for all connections: see `websocket-frames.ts` for why. */
import { randomBytes } from "node:crypto";
import { connect, type Socket } from "node:net";
import { clientFrame, CLOSE, FrameScanner, PING, PONG, type OnFrame } from "./websocket-frames.ts";

export interface WebSocketOptions {
  readonly port: number;
  readonly path: string;
  readonly protocol?: string;
  /** How much of each payload `onFrame` gets to see. */
  readonly prefixBytes: number;
  readonly onFrame: OnFrame;
  /** Called when the connection ends for whatever reason that is not `close`. */
  readonly onLost: (reason: string) => void;
}

export interface WebSocketClient {
  send(payload: Uint8Array, opcode?: number): void;
  /** Sends bytes that are frames already. */
  sendFrames(bytes: Uint8Array): void;
  /** Stops reading: the kernel's buffers fill up, then the server's. */
  pause(): void;
  resume(): void;
  close(): void;
}

const READ_BYTES = 256 * 1024;
const sharedBuffer = Buffer.allocUnsafeSlow(READ_BYTES);

/** Resolves when the server has switched protocols. */
export function openWebSocket(options: WebSocketOptions): Promise<WebSocketClient> {
  return new Promise((resolve, reject) => {
    const frames = new FrameScanner(options.prefixBytes, (opcode, length, prefix) => {
      if (opcode === PING) socket.write(clientFrame(new Uint8Array(0), PONG));
      else if (opcode === CLOSE) fail("the server closed the WebSocket");
      else options.onFrame(opcode, length, prefix);
    });
    let answer: string | undefined = "";
    const onread = {
      buffer: sharedBuffer,
      callback: (length: number): boolean => {
        if (answer === undefined) frames.push(sharedBuffer, length);
        else takeAnswer(length);
        return true;
      },
    };
    const socket: Socket = connect({ host: "127.0.0.1", port: options.port, noDelay: true, onread });

    const takeAnswer = (length: number): void => {
      // latin1 keeps every byte, so that frames which came with the answer are not lost.
      const text = (answer ?? "") + sharedBuffer.toString("latin1", 0, length);
      const end = text.indexOf("\r\n\r\n");
      answer = text;
      if (end < 0) return;
      if (!text.startsWith("HTTP/1.1 101"))
        return fail(`the server refused the WebSocket: ${text.slice(0, 600)}`);
      answer = undefined;
      opened = true;
      resolve({
        send: (payload, opcode) => socket.write(clientFrame(payload, opcode)),
        sendFrames: (bytes) => socket.write(bytes),
        pause: () => socket.pause(),
        resume: () => socket.resume(),
        close: () => {
          closed = true;
          socket.destroy();
        },
      });
      frames.push(Buffer.from(text.slice(end + 4), "latin1"));
    };

    let opened = false;
    let closed = false;
    const fail = (reason: string): void => {
      if (closed) return;
      closed = true;
      socket.destroy();
      if (opened) options.onLost(reason);
      else reject(new Error(reason));
    };
    socket.on("connect", () => socket.write(upgradeRequest(options)));
    socket.on("error", (error) => fail(error.message));
    socket.on("close", () => fail("the server closed the connection"));
  });
}

function upgradeRequest({ port, path, protocol }: WebSocketOptions): string {
  return [
    `GET ${path} HTTP/1.1`,
    `Host: 127.0.0.1:${port}`,
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    `Sec-WebSocket-Key: ${randomBytes(16).toString("base64")}`,
    ...(protocol === undefined ? [] : [`Sec-WebSocket-Protocol: ${protocol}`]),
    "\r\n",
  ].join("\r\n");
}
