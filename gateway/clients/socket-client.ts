import type { ListenerProfile, Services } from "../api/context.ts";
import type { PushHub } from "../api/push-hub.ts";
import type { Subscriber } from "../api/subscriber.ts";
import type { ApiTable } from "../api/table.ts";
import type { Clock } from "../../log/clock.ts";
import type { MessageMemory } from "../../wire/frame-reader.ts";
import { Connection } from "./connection.ts";
import {
  UNREAD_BYTES_MAX,
  WEBSOCKET_REQUEST_BYTES_MAX,
  WEBSOCKET_REQUESTS_MAX,
  WEBSOCKET_RUNNING_MAX,
} from "./limits.ts";

/** What is asked of a WebSocket; uWebSockets' own fits. Not one of these may be called after the socket has closed. */
export interface ServerWebSocket {
  cork(send: () => void): unknown;
  send(message: Uint8Array, isBinary: boolean): unknown;
  /** Bytes that the kernel has not taken yet; wrong inside `cork`. */
  getBufferedAmount(): number;
  end(code: number, reason: string): void;
}

export interface SocketClientOptions {
  services: Services;
  hub: PushHub;
  apis: ApiTable;
  listener: ListenerProfile;
  remote: string;
  /** The bytes of several pieces in one; handed in, since hosts have faster ways than the language. */
  concat: (pieces: readonly Uint8Array[]) => Uint8Array;
  /** Called once, when the socket is gone. */
  gone: () => void;
}

/** One WebSocket: messages in, answers and pushes out. */
export class SocketClient {
  private readonly ws: ServerWebSocket;
  private readonly connection: Connection;
  private readonly subscriber: Subscriber;
  private readonly clock: Clock;
  private readonly messages: MessageMemory;
  private readonly gone: () => void;
  private open = true;
  /** Resolves when the socket has been told to end; undefined: it has not to. */
  private ended: Promise<void> | undefined;
  private drainScheduled = false;

  constructor(ws: ServerWebSocket, options: SocketClientOptions) {
    const { services, hub, apis, listener, remote, concat } = options;
    this.ws = ws;
    this.clock = services.clock;
    this.messages = services.messages;
    this.gone = options.gone;
    const socket = {
      cork: (send: () => void): void => void (this.open && ws.cork(send)),
      send: (message: Uint8Array): void => void (this.open && ws.send(message, true)),
      bufferedBytes: (): number => (this.open ? ws.getBufferedAmount() : 0),
    };
    this.subscriber = hub.subscriber(socket);
    this.connection = new Connection({
      services,
      listener,
      apis,
      remote,
      ordered: false,
      limits: {
        requestsMax: WEBSOCKET_REQUESTS_MAX,
        requestBytesMax: WEBSOCKET_REQUEST_BYTES_MAX,
        runningMax: WEBSOCKET_RUNNING_MAX,
      },
      subscriber: this.subscriber,
      host: {
        send: (pieces, sent) => {
          const [only] = pieces;
          socket.send(pieces.length === 1 && only !== undefined ? only : concat(pieces));
          // What the kernel has not taken the library has copied.
          sent?.();
          return socket.bufferedBytes() <= UNREAD_BYTES_MAX;
        },
        flow: undefined,
        close: (reason) => void this.end(1008, reason),
      },
    });
  }

  received(message: ArrayBuffer, isBinary: boolean): void {
    if (!isBinary) return this.connection.close("a text message; the protocol is binary");
    // The one copy: the library takes its buffer back when this returns.
    const copy = this.messages.take(message.byteLength);
    copy.set(new Uint8Array(message));
    this.connection.received(copy);
  }

  drained(): void {
    if (this.drainScheduled) return;
    this.drainScheduled = true;
    this.clock.defer(() => {
      this.drainScheduled = false;
      if (!this.open) return;
      if (this.ws.getBufferedAmount() <= UNREAD_BYTES_MAX) this.connection.drained();
      this.subscriber.drained();
    });
  }

  closed(): void {
    this.open = false;
    this.connection.closed();
    this.subscriber.close();
    this.gone();
  }

  /** Answers what has arrived, then says goodbye. */
  async finish(): Promise<void> {
    await this.connection.finish();
    await this.end(1001, "the gateway stops");
  }

  /** Never from inside a handler of the socket. Resolves when it has been told to end. */
  private end(code: number, reason: string): Promise<void> {
    this.ended ??= this.endLater(code, reason);
    return this.ended;
  }

  private async endLater(code: number, reason: string): Promise<void> {
    this.subscriber.close();
    await new Promise<void>((resolve) => this.clock.defer(resolve));
    // A close frame carries at most 123 bytes of reason.
    if (this.open) this.ws.end(code, reason.replaceAll(/[^\x20-\x7e]/g, "?").slice(0, 120));
  }
}
