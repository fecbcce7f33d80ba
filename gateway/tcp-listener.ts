import { createServer, type Server, type Socket } from "node:net";
import type { ListenerProfile, Services } from "./api/context.ts";
import type { ApiTable } from "./api/table.ts";
import type { ConnectionQuota } from "./clients/connection-quota.ts";
import { IDLE_MS, QUEUED_BYTES_MAX, TCP_CONNECTIONS_MAX } from "./clients/limits.ts";
import { RequestMemory } from "./clients/request-memory.ts";
import { TcpClient, type TcpSocket } from "./clients/tcp-client.ts";
import { SWEEP_MS, TcpClients } from "./clients/tcp-clients.ts";
import { listenError } from "./listen-error.ts";
import { readShared } from "./socket-reads.ts";

export interface TcpListenerOptions {
  host: string;
  port: number;
  services: Services;
  apis: ApiTable;
  quota: ConnectionQuota;
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

/** Connections that the system keeps until they are accepted; it has a bound of its own (`net.core.somaxconn`). */
const BACKLOG = 4096;

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
  const { host, services, quota } = options;
  const clients = new TcpClients();
  const requestMemory = options.requestMemory ?? new RequestMemory(QUEUED_BYTES_MAX);
  const server = createServer({
    allowHalfOpen: true,
    pauseOnConnect: true,
    noDelay: true,
    keepAlive: true,
    keepAliveInitialDelay: 60_000,
  });
  const port = await listening(server, options);
  const profile = options.profile(port);
  server.on("connection", (accepted) => {
    if (!mayStay(clients.size, quota)) return accepted.destroy();
    const busy = (client: TcpClient): void => clients.watch(client);
    const { client, socket } = clientOf(accepted, { ...options, requestMemory, busy }, profile);
    clients.add(client);
    socket.once("close", () => {
      clients.delete(client);
      quota.giveBack();
    });
  });
  const sweep = setInterval(() => clients.sweep(), SWEEP_MS).unref();
  const closed = new Promise<void>((resolve) => server.once("close", resolve));
  services.log.info("listening for Kafka clients", { host, port });
  return {
    port,
    get connections() {
      return clients.size;
    },
    async finish() {
      server.close();
      await Promise.all(Array.from(clients, (client) => client.finish()));
    },
    async close() {
      clearInterval(sweep);
      server.close();
      for (const client of clients) client.destroy();
      await closed;
    },
  };
}

/** Whether there may be one more client beside `present` ones; then it is counted. */
function mayStay(present: number, quota: ConnectionQuota): boolean {
  if (present >= TCP_CONNECTIONS_MAX)
    quota.refused("kafka", `there may be ${TCP_CONNECTIONS_MAX} Kafka connections`);
  else if (quota.take()) return true;
  else quota.refused("kafka");
  return false;
}

function listening(server: Server, { host, port }: TcpListenerOptions): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once("error", (error) =>
      reject(listenError("Kafka clients", "--kafka-port", { host, port }, error)),
    );
    server.listen({ port, host, backlog: BACKLOG }, () => {
      const address = server.address();
      resolve(typeof address === "object" && address !== null ? address.port : port);
    });
  });
}

/** A client on a connection of Node's, and the socket that it is served by. */
function clientOf(
  accepted: Socket,
  options: TcpListenerOptions & { requestMemory: RequestMemory; busy: (client: TcpClient) => void },
  profile: ListenerProfile,
): { client: TcpClient; socket: Socket } {
  const socket = readShared(accepted, (bytes) => client.arrived(bytes));
  const remote = `${socket.remoteAddress ?? "?"}:${socket.remotePort ?? 0}`;
  const client: TcpClient = new TcpClient(new NodeSocket(socket, options.idleMs ?? IDLE_MS), {
    ...options,
    listener: profile,
    remote,
    elapsedMs,
  });
  socket.on("drain", () => client.drained());
  socket.on("end", () => void client.finish());
  // A reset tells nobody anything; "close" follows.
  socket.on("error", () => {});
  socket.on("close", () => client.closed());
  socket.on("timeout", () => client.idle());
  return { client, socket };
}

function elapsedMs(): number {
  return performance.now();
}

/** Answers up to this size are copied into one piece: Produce's, Heartbeat's, not those with records. */
const SMALL_BYTES = 1024;

function joined(pieces: readonly Uint8Array[], bytes: number): Uint8Array {
  // From Node's pool: given to the socket and to nobody else.
  const whole = Buffer.allocUnsafe(bytes);
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.byteLength;
  }
  return whole;
}

class NodeSocket implements TcpSocket {
  private readonly socket: Socket;
  private readonly idleMs: number;
  private isWatched = false;
  /** The socket is corked until the end of this turn. */
  private isGathering = false;

  constructor(socket: Socket, idleMs: number) {
    this.socket = socket;
    this.idleMs = idleMs;
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
    const bytes = pieces.reduce((sum, piece) => sum + piece.byteLength, 0);
    if (!this.isGathering) socket.cork();
    if (bytes <= SMALL_BYTES) {
      this.gather();
      socket.write(joined(pieces, bytes), taken);
      return;
    }
    for (const piece of pieces) if (piece.byteLength > 0) socket.write(piece);
    // Without bytes and last: called when all before it has been taken.
    socket.write("", taken);
    if (this.isGathering) this.sendGathered();
    else socket.uncork();
  }

  /** Small answers of one turn leave together: requests that were written together are answered together. */
  private gather(): void {
    if (this.isGathering) return;
    this.isGathering = true;
    process.nextTick(() => this.sendGathered());
  }

  private sendGathered(): void {
    if (!this.isGathering) return;
    this.isGathering = false;
    this.socket.uncork();
  }

  pause(): void {
    this.socket.pause();
  }

  resume(): void {
    this.socket.resume();
  }

  watchProgress(isWatched: boolean): void {
    if (isWatched === this.isWatched) return;
    this.isWatched = isWatched;
    // Node sees what the kernel takes of a large write, and nobody else does.
    this.socket.setTimeout(isWatched ? this.idleMs : 0);
  }

  end(): void {
    this.socket.end(() => this.socket.destroy());
  }

  destroy(): void {
    // What was answered before was answered.
    this.sendGathered();
    this.socket.destroy();
  }
}
