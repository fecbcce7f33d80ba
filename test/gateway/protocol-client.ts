/** A small client for tests: the same calls over TCP and over WebSocket, with the raw bytes in reach. */
import { createConnection, type Socket } from "node:net";
import { once } from "node:events";
import { WebSocket } from "ws";
import type { Api } from "../../wire/api.ts";
import { FrameReader, framePrefix } from "../../wire/frame-reader.ts";
import { decodePush, isPush, type PushFrame } from "../../wire/push.ts";
import { encodeRequest } from "../../wire/request.ts";
import { decodeResponse } from "../../wire/response.ts";
import type { Input } from "../../wire/schema.ts";

/** What a transport gives: whole messages both ways. */
interface Channel {
  send(message: Uint8Array): void;
  close(): void;
  /** Stops taking bytes from the system, and takes them again. */
  pause(): void;
  resume(): void;
}

interface Events {
  message(bytes: Uint8Array): void;
  closed(reason: string): void;
}

export interface WebSocketOptions {
  origin?: string;
  headers?: Record<string, string>;
  protocol?: string;
}

export class ProtocolClient {
  /** Correlation ids in the order in which their answers came. */
  readonly answered: number[] = [];
  readonly pushes: PushFrame[] = [];
  /** Why the connection has closed, once it has. */
  readonly closed: Promise<string>;
  isClosed = false;
  onPush: (frame: PushFrame) => void = (frame) => void this.pushes.push(frame);
  private readonly channel: Channel;
  private readonly pending = new Map<
    number,
    { resolve(message: Uint8Array): void; reject(error: Error): void }
  >();
  private nextCorrelationId = 1;

  private constructor(open: (events: Events) => Channel) {
    let closed: (reason: string) => void = () => {};
    this.closed = new Promise((resolve) => (closed = resolve));
    this.channel = open({
      message: (bytes) => this.received(bytes),
      closed: (reason) => {
        this.isClosed = true;
        for (const waiting of this.pending.values())
          waiting.reject(new Error(`connection closed: ${reason}`));
        this.pending.clear();
        closed(reason);
      },
    });
  }

  static async tcp(port: number): Promise<ProtocolClient> {
    const socket = createConnection({ port, host: "127.0.0.1", noDelay: true });
    await once(socket, "connect");
    return ProtocolClient.on(socket);
  }

  /** On a socket that is there already. */
  static on(socket: Socket): ProtocolClient {
    return new ProtocolClient((events) => tcpChannel(socket, events));
  }

  /** Rejects when the upgrade is refused, with the status in its message. */
  static async webSocket(port: number, options: WebSocketOptions = {}): Promise<ProtocolClient> {
    const { origin, headers, protocol = "rivulet.kafka.v1" } = options;
    const socket = new WebSocket(`ws://127.0.0.1:${port}/ws`, protocol, {
      ...(origin === undefined ? {} : { origin }),
      headers,
    });
    // Before the first await: a push may come in the same chunk as the upgrade.
    const client = new ProtocolClient((events) => webSocketChannel(socket, events));
    await new Promise<void>((resolve, reject) => {
      socket.once("open", resolve);
      socket.once("error", reject);
    });
    return client;
  }

  request<Req, Res>(api: Api<Req, Res>, version: number, body: Input<Req>): Promise<Res> {
    const { correlationId, message } = this.encode(api, version, body);
    const answer = this.expect(correlationId);
    this.channel.send(message);
    return answer.then((bytes) => decodeResponse(api, version, bytes).body);
  }

  encode<Req, Res>(
    api: Api<Req, Res>,
    version: number,
    body: Input<Req>,
  ): { correlationId: number; message: Uint8Array } {
    const correlationId = this.nextCorrelationId++;
    return { correlationId, message: encodeRequest(api, version, { correlationId, clientId: "test" }, body) };
  }

  /** The answer to a request that was sent by other means. */
  expect(correlationId: number): Promise<Uint8Array> {
    return new Promise((resolve, reject) => this.pending.set(correlationId, { resolve, reject }));
  }

  send(message: Uint8Array): void {
    this.channel.send(message);
  }

  pause(): void {
    this.channel.pause();
  }

  resume(): void {
    this.channel.resume();
  }

  async close(): Promise<void> {
    this.channel.close();
    await this.closed;
  }

  private received(bytes: Uint8Array): void {
    if (isPush(bytes)) return this.onPush(decodePush(bytes));
    const correlationId = new DataView(bytes.buffer, bytes.byteOffset).getInt32(0);
    this.answered.push(correlationId);
    const waiting = this.pending.get(correlationId);
    this.pending.delete(correlationId);
    waiting?.resolve(bytes);
  }
}

function tcpChannel(socket: Socket, events: Events): Channel {
  const reader = new FrameReader({ frameBytesMax: 2 ** 30 });
  socket.on("data", (chunk: Uint8Array) => {
    for (const message of reader.push(chunk)) events.message(message);
  });
  socket.on("error", () => {});
  socket.on("close", () => events.closed("socket closed"));
  return {
    send: (message) => {
      socket.write(framePrefix(message.byteLength));
      socket.write(message);
    },
    close: () => socket.destroy(),
    pause: () => socket.pause(),
    resume: () => socket.resume(),
  };
}

function webSocketChannel(socket: WebSocket, events: Events): Channel {
  socket.binaryType = "nodebuffer";
  socket.on("message", (data: Buffer) => events.message(data));
  socket.on("error", () => {});
  socket.on("close", (code, reason) => events.closed(`${code} ${reason.toString()}`));
  return {
    send: (message) => socket.send(message),
    close: () => socket.terminate(),
    pause: () => socket.pause(),
    resume: () => socket.resume(),
  };
}
