import { createServer, type Server, type Socket } from "node:net";
import type { ListenerProfile, Services } from "./api/context.ts";
import type { ApiTable } from "./api/table.ts";
import { IDLE_MS, QUEUED_BYTES_MAX, TCP_CONNECTIONS_MAX } from "./clients/limits.ts";
import { RequestMemory } from "./clients/request-memory.ts";
import { TcpClient, type TcpSocket } from "./clients/tcp-client.ts";
import { listenError } from "./listen-error.ts";

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
  const open = new Set<TcpClient>();
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
    const client = clientOf(socket, { ...options, requestMemory }, profile);
    open.add(client);
    socket.once("close", () => open.delete(client));
  });
  const sweep = setInterval(() => {
    for (const client of open) client.sweep();
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
      await Promise.all(Array.from(open, (client) => client.finish()));
    },
    async close() {
      clearInterval(sweep);
      server.close();
      for (const client of open) client.destroy();
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

/** A client on a socket of Node's. */
function clientOf(
  socket: Socket,
  options: TcpListenerOptions & { requestMemory: RequestMemory },
  profile: ListenerProfile,
): TcpClient {
  const remote = `${socket.remoteAddress ?? "?"}:${socket.remotePort ?? 0}`;
  const client = new TcpClient(new NodeSocket(socket), { ...options, listener: profile, remote, elapsedMs });
  socket.on("data", (chunk: Uint8Array) => client.arrived(chunk));
  socket.on("drain", () => client.drained());
  socket.on("end", () => void client.finish());
  // A reset tells nobody anything; "close" follows.
  socket.on("error", () => {});
  socket.on("close", () => client.closed());
  socket.setTimeout(options.idleMs ?? IDLE_MS, () => client.idle());
  return client;
}

function elapsedMs(): number {
  return performance.now();
}

class NodeSocket implements TcpSocket {
  private readonly socket: Socket;

  constructor(socket: Socket) {
    this.socket = socket;
  }

  get isDestroyed(): boolean {
    return this.socket.destroyed;
  }

  get isEnding(): boolean {
    return this.socket.writableEnded;
  }

  get bytesRead(): number {
    return this.socket.bytesRead;
  }

  get bufferedBytes(): number {
    return this.socket.writableLength;
  }

  write(pieces: readonly Uint8Array[], taken: () => void): void {
    const { socket } = this;
    socket.cork();
    for (const piece of pieces) if (piece.byteLength > 0) socket.write(piece);
    // Without bytes and last: called when all before it has been taken.
    socket.write("", taken);
    socket.uncork();
  }

  pause(): void {
    this.socket.pause();
  }

  resume(): void {
    this.socket.resume();
  }

  end(): void {
    this.socket.end(() => this.socket.destroy());
  }

  destroy(): void {
    this.socket.destroy();
  }
}
