import { createServer, type Server, type Socket } from "node:net";
import type { AnswerMemory } from "./api/answer-memory.ts";
import type { ListenerProfile, Services } from "./api/context.ts";
import type { ApiTable } from "./api/table.ts";
import { Connection } from "./connection.ts";
import {
  ARRIVAL_BYTES_PER_MS,
  CONTENDED_BYTES_PER_MS,
  IDLE_MS,
  QUEUED_BYTES_MAX,
  REQUEST_ARRIVAL_MS,
  REQUEST_BYTES_MAX,
  REQUESTS_MAX,
  TCP_CONNECTIONS_MAX,
  UNREAD_BYTES_MAX,
} from "./limits.ts";
import { listenError } from "./listen-error.ts";
import { RequestMemory, type RequestHolding } from "./request-memory.ts";
import { framePrefix, FrameReader } from "../wire/frame-reader.ts";

export interface TcpListenerOptions {
  host: string;
  port: number;
  services: Services;
  apis: ApiTable;
  /** Kafka's `socket.request.max.bytes`. */
  requestBytesMax: number;
  /** What the requests of all connections may take; left out: `QUEUED_BYTES_MAX`. */
  requestMemory?: RequestMemory;
  /** What clients are told, once the port is known. */
  profile(port: number): ListenerProfile;
  /** How long a request may take to arrive, besides what its size allows; for tests. */
  arrivalMs?: number;
  /** How long a client may take nothing of its answers; for tests. */
  idleMs?: number;
}

/** A listener that can be stopped in two steps: first the requests that are here are answered. */
export interface Listener {
  readonly port: number;
  readonly connections: number;
  /** Accepts nobody any more, answers what has arrived, and closes the connections. */
  finish(): Promise<void>;
  /** Closes whatever is still open. */
  close(): Promise<void>;
}

/** Kafka's protocol over TCP: each message behind its length in 4 bytes. Throws KafkaError when it cannot listen. */
export async function listenTcp(options: TcpListenerOptions): Promise<Listener> {
  const { host, services } = options;
  const open = new Set<TcpConnection>();
  const requestMemory = options.requestMemory ?? new RequestMemory(QUEUED_BYTES_MAX);
  const server = createServer({
    allowHalfOpen: true,
    noDelay: true,
    keepAlive: true,
    keepAliveInitialDelay: 60_000,
  });
  server.maxConnections = TCP_CONNECTIONS_MAX;
  server.on("drop", () =>
    services.log.warn("a Kafka connection was refused: there are too many", { most: TCP_CONNECTIONS_MAX }),
  );
  const port = await listening(server, options);
  const profile = options.profile(port);
  server.on("connection", (socket) => {
    const connection = new TcpConnection(socket, { ...options, requestMemory }, profile);
    open.add(connection);
    socket.once("close", () => open.delete(connection));
  });
  const sweep = setInterval(() => {
    const now = performance.now();
    for (const connection of open) connection.sweep(now);
  }, 1000).unref();
  const closed = new Promise<void>((resolve) => server.once("close", resolve));
  services.log.info("listening for Kafka clients", { host, port });
  return {
    port,
    get connections() {
      return open.size;
    },
    async finish() {
      server.close();
      await Promise.all(Array.from(open, (connection) => connection.finish()));
    },
    async close() {
      clearInterval(sweep);
      server.close();
      for (const connection of open) connection.destroy();
      await closed;
    },
  };
}

function listening(server: Server, { host, port }: TcpListenerOptions): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once("error", (error) =>
      reject(listenError("Kafka clients", "--kafka-port", { host, port }, error)),
    );
    server.listen(port, host, () => {
      const address = server.address();
      resolve(typeof address === "object" && address !== null ? address.port : port);
    });
  });
}

/** One socket: frames in, answers out, and the deadlines of both. */
class TcpConnection {
  private readonly socket: Socket;
  private readonly reader: FrameReader;
  private readonly connection: Connection;
  private readonly arrivalMs: number;
  private readonly memory: AnswerMemory;
  /** Bytes of answers that the client has not taken yet. */
  private unread = 0;
  private readonly requestMemory: RequestMemory;
  private readonly holding: RequestHolding;
  /** Not read from because too much of its own is unanswered, as against all connections' requests taking too much. */
  private paused = false;
  private lastHeard = performance.now();
  /** When the request that is arriving began to; undefined between requests. */
  private arrivingSince: number | undefined;
  /** Since when others have waited for memory that is held here, and what had been read by then. */
  private contended: { since: number; bytesRead: number } | undefined;

  constructor(
    socket: Socket,
    options: TcpListenerOptions & { requestMemory: RequestMemory },
    profile: ListenerProfile,
  ) {
    this.socket = socket;
    this.arrivalMs = options.arrivalMs ?? REQUEST_ARRIVAL_MS;
    this.memory = options.services.answerMemory;
    this.requestMemory = options.requestMemory;
    this.holding = this.requestMemory.join({ pause: () => socket.pause(), resume: () => this.readAgain() });
    this.reader = new FrameReader({ frameBytesMax: options.requestBytesMax });
    this.connection = new Connection({
      services: options.services,
      listener: profile,
      apis: options.apis,
      remote: `${socket.remoteAddress ?? "?"}:${socket.remotePort ?? 0}`,
      ordered: true,
      limits: { requestsMax: REQUESTS_MAX, requestBytesMax: REQUEST_BYTES_MAX, runningMax: 1 },
      host: {
        send: (pieces) => this.send(pieces),
        flow: { pause: () => this.pause(), resume: () => this.resume() },
        answered: () => this.hold(),
        close: () => socket.destroy(),
      },
    });
    socket.on("data", (chunk: Uint8Array) => this.arrived(chunk));
    socket.on("drain", () => this.connection.drained());
    socket.on("end", () => void this.finish());
    // A reset tells nobody anything; "close" follows.
    socket.on("error", () => {});
    socket.on("close", () => {
      this.connection.closed();
      this.taken(this.unread);
      this.requestMemory.leave(this.holding);
    });
    // Neither a byte in nor a byte out: whoever has answers to take by then will not.
    socket.setTimeout(options.idleMs ?? IDLE_MS, () => {
      if (this.unread > 0) this.connection.close(`${this.unread} bytes of answers were not taken`);
    });
  }

  /** Answers what has arrived, then ends the socket. */
  async finish(): Promise<void> {
    await this.connection.finish();
    if (this.socket.destroyed) return;
    await new Promise<void>((resolve) => {
      this.socket.once("close", () => resolve());
      this.socket.end(() => this.socket.destroy());
    });
  }

  destroy(): void {
    this.socket.destroy();
  }

  /** Closes a socket that sends a request too slowly, or nothing at all for too long. */
  sweep(now: number): void {
    if (this.contends(now)) {
      this.connection.close(
        `${this.holding.bytes} bytes of requests were kept too long while others waited for memory`,
      );
      return;
    }
    if (this.paused || this.holding.paused) return;
    const { arrivingSince } = this;
    if (
      arrivingSince !== undefined &&
      now - arrivingSince > this.arrivalMs + this.reader.buffered / ARRIVAL_BYTES_PER_MS
    ) {
      this.connection.close(
        `a request did not arrive in time: ${this.reader.buffered} bytes of it in ${Math.round(now - arrivingSince)} ms`,
      );
    } else if (now - this.lastHeard > IDLE_MS && this.connection.idle) {
      this.socket.destroy();
    }
  }

  /** Whether others have waited for the memory of its requests for longer than those may take to arrive then. */
  private contends(now: number): boolean {
    const { bytesRead } = this.socket;
    if (!this.requestMemory.keepsOthersWaiting(this.holding)) {
      this.contended = undefined;
      return false;
    }
    this.contended ??= { since: now, bytesRead };
    const { since, bytesRead: before } = this.contended;
    return now - since > this.arrivalMs + (bytesRead - before) / CONTENDED_BYTES_PER_MS;
  }

  private arrived(chunk: Uint8Array): void {
    this.lastHeard = performance.now();
    let completed = false;
    try {
      for (const message of this.reader.push(chunk)) {
        completed = true;
        this.arrivingSince = undefined;
        this.connection.received(message);
        if (this.socket.destroyed) return;
      }
    } catch (error) {
      this.connection.fail(error);
      return;
    }
    if (this.reader.buffered > 0) this.arrivingSince ??= this.lastHeard;
    this.hold(completed);
  }

  private hold(completed = false): void {
    const bytes = this.connection.unansweredBytes + this.reader.buffered;
    this.requestMemory.update(this.holding, bytes, completed);
  }

  private send(pieces: readonly Uint8Array[]): boolean {
    const { socket } = this;
    if (socket.destroyed || socket.writableEnded) return true;
    let bytes = 0;
    for (const piece of pieces) bytes += piece.byteLength;
    this.unread += this.memory.take(bytes);
    socket.cork();
    // Without bytes and last: called when all of the answer has been taken.
    for (const piece of [framePrefix(bytes), ...pieces]) if (piece.byteLength > 0) socket.write(piece);
    socket.write("", () => this.taken(bytes));
    socket.uncork();
    return socket.writableLength <= UNREAD_BYTES_MAX;
  }

  /** The client, or the end of its socket, has relieved us of so many bytes. */
  private taken(bytes: number): void {
    const freed = Math.min(bytes, this.unread);
    this.unread -= freed;
    this.memory.giveBack(freed);
  }

  private pause(): void {
    this.paused = true;
    this.socket.pause();
  }

  private resume(): void {
    this.paused = false;
    this.readAgain();
  }

  private readAgain(): void {
    if (this.paused || this.holding.paused) return;
    // The client could not go on while we did not read.
    this.lastHeard = performance.now();
    if (this.arrivingSince !== undefined) this.arrivingSince = this.lastHeard;
    this.socket.resume();
  }
}
