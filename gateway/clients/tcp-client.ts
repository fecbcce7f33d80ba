import type { AnswerMemory } from "../api/answer-memory.ts";
import type { ListenerProfile, Services } from "../api/context.ts";
import type { ApiTable } from "../api/table.ts";
import { Connection } from "./connection.ts";
import {
  ARRIVAL_BYTES_PER_MS,
  CONTENDED_BYTES_PER_MS,
  IDLE_MS,
  REQUEST_ARRIVAL_MS,
  REQUEST_BYTES_MAX,
  REQUESTS_MAX,
  UNREAD_BYTES_MAX,
} from "./limits.ts";
import type { RequestHolding, RequestMemory } from "./request-memory.ts";
import { framePrefix, FrameReader } from "../../wire/frame-reader.ts";

/** What is asked of a TCP socket. */
export interface TcpSocket {
  /** It is gone: nothing that is written reaches anybody. */
  readonly isDestroyed: boolean;
  /** It has been told to end: nothing may be written any more. */
  readonly isEnding: boolean;
  /** Bytes that have come in so far. */
  readonly bytesRead: number;
  /** Bytes that were written and that the kernel has not taken. */
  readonly bufferedBytes: number;
  /** Sends the pieces, in order. Calls `taken` when the kernel has all of them, or the socket has come to its end. */
  write(pieces: readonly Uint8Array[], taken: () => void): void;
  pause(): void;
  resume(): void;
  /** Whether its owner has to see that something goes in or out, and to call the client's `idle` when nothing does for `IDLE_MS`. */
  watchProgress(isWatched: boolean): void;
  /** Sends what was written, and closes. */
  end(): void;
  destroy(): void;
}

export interface TcpClientOptions {
  services: Services;
  apis: ApiTable;
  listener: ListenerProfile;
  /** Kafka's `socket.request.max.bytes`. */
  requestBytesMax: number;
  /** What the requests of all connections take. */
  requestMemory: RequestMemory;
  /** Where the client is, for the log. */
  remote: string;
  /** Milliseconds since some moment; never jumps. */
  elapsedMs: () => number;
  /** The client has something under way from now on: `sweep` is to be called every second, until it answers false. */
  busy: (client: TcpClient) => void;
  /** How long a request may take to arrive, besides what its size allows; left out: `REQUEST_ARRIVAL_MS`. */
  arrivalMs?: number;
}

/** One Kafka client on TCP: frames in, answers out, and the deadlines of both. Its socket's owner tells it what happens. */
export class TcpClient {
  private readonly socket: TcpSocket;
  private readonly reader: FrameReader;
  private readonly connection: Connection;
  private readonly elapsedMs: () => number;
  private readonly arrivalMs: number;
  private readonly memory: AnswerMemory;
  /** Bytes of answers that the client has not taken yet. */
  private unread = 0;
  private readonly requestMemory: RequestMemory;
  private readonly holding: RequestHolding;
  /** Not read from because too much of its own is unanswered, as against all connections' requests taking too much. */
  private paused = false;
  private lastHeard: number;
  /** When the request that is arriving began to; undefined between requests. */
  private arrivingSince: number | undefined;
  /** Since when others have waited for memory that is held here, and what had been read by then. */
  private contended: { since: number; bytesRead: number } | undefined;
  private readonly busy: (client: TcpClient) => void;
  private isBusy = false;
  private isGone = false;
  private onGone: (() => void) | undefined;

  constructor(socket: TcpSocket, options: TcpClientOptions) {
    this.socket = socket;
    this.elapsedMs = options.elapsedMs;
    this.busy = options.busy;
    this.lastHeard = options.elapsedMs();
    this.arrivalMs = options.arrivalMs ?? REQUEST_ARRIVAL_MS;
    this.memory = options.services.answerMemory;
    this.requestMemory = options.requestMemory;
    this.holding = this.requestMemory.join({ pause: () => socket.pause(), resume: () => this.readAgain() });
    this.connection = new Connection({
      services: options.services,
      listener: options.listener,
      apis: options.apis,
      remote: options.remote,
      ordered: true,
      limits: { requestsMax: REQUESTS_MAX, requestBytesMax: REQUEST_BYTES_MAX, runningMax: 1 },
      host: {
        send: (pieces, sent) => this.send(pieces, sent),
        flow: { pause: () => this.pause(), resume: () => this.resume() },
        answered: () => this.hold(),
        signedIn: () => this.reader.limit(options.requestBytesMax),
        close: () => socket.destroy(),
        end: () => socket.end(),
      },
    });
    this.reader = new FrameReader({
      frameBytesMax: this.connection.requestBytesMax ?? options.requestBytesMax,
      lent: true,
      memory: options.services.messages,
    });
  }

  /** Bytes have come in. They are only lent: what is kept of them is copied before this returns. */
  arrived(chunk: Uint8Array): void {
    if (this.connection.lifetime.ended) return;
    this.lastHeard = this.elapsedMs();
    if (!this.isBusy) {
      this.isBusy = true;
      this.busy(this);
    }
    let completed = false;
    try {
      for (const message of this.reader.push(chunk)) {
        completed = true;
        this.arrivingSince = undefined;
        this.connection.received(message);
        if (this.socket.isDestroyed) return;
      }
    } catch (error) {
      this.connection.fail(error);
      return;
    }
    if (this.reader.buffered > 0) this.arrivingSince ??= this.lastHeard;
    this.hold(completed);
  }

  /** The socket has taken what it was sent. */
  drained(): void {
    this.connection.drained();
  }

  /** Neither a byte in nor a byte out for a long while: whoever has answers to take by then will not. */
  idle(): void {
    if (this.unread > 0) this.connection.close(`${this.unread} bytes of answers were not taken`);
  }

  /** The socket is gone. Called once. */
  closed(): void {
    this.isGone = true;
    this.connection.closed();
    this.taken(this.unread);
    this.requestMemory.leave(this.holding);
    this.onGone?.();
  }

  /** Answers what has arrived, then ends the socket; resolves when it is gone. */
  async finish(): Promise<void> {
    await this.connection.finish();
    if (this.socket.isDestroyed || this.isGone) return;
    await new Promise<void>((resolve) => {
      const before = this.onGone;
      this.onGone = () => {
        before?.();
        resolve();
      };
      this.socket.end();
    });
  }

  destroy(): void {
    this.socket.destroy();
  }

  /** Closes a socket that sends a request too slowly. Answers whether anything is under way still. */
  sweep(): boolean {
    const now = this.elapsedMs();
    this.socket.watchProgress(this.unread > 0);
    if (this.contends(now)) {
      this.connection.close(
        `${this.holding.bytes} bytes of requests were kept too long while others waited for memory`,
      );
    } else if (!this.paused && !this.holding.paused) this.checkArrival(now);
    this.isBusy = !this.isGone && (this.holding.bytes > 0 || this.unread > 0);
    return this.isBusy;
  }

  /** Closes a socket that has sent nothing at all for too long. To be called now and then. */
  sweepIdle(): void {
    if (this.paused || this.holding.paused) return;
    if (this.elapsedMs() - this.lastHeard > IDLE_MS && this.connection.idle) this.socket.destroy();
  }

  private checkArrival(now: number): void {
    const { arrivingSince } = this;
    if (arrivingSince === undefined) return;
    const { buffered } = this.reader;
    const elapsedMs = Math.round(now - arrivingSince);
    if (elapsedMs <= this.arrivalMs + buffered / ARRIVAL_BYTES_PER_MS) return;
    this.connection.close(`a request did not arrive in time: ${buffered} bytes of it in ${elapsedMs} ms`);
  }

  /** Whether others have waited for the memory of its requests for longer than those may take to arrive then. */
  private contends(now: number): boolean {
    if (!this.requestMemory.keepsOthersWaiting(this.holding)) {
      this.contended = undefined;
      return false;
    }
    const { bytesRead } = this.socket;
    this.contended ??= { since: now, bytesRead };
    const { since, bytesRead: before } = this.contended;
    return now - since > this.arrivalMs + (bytesRead - before) / CONTENDED_BYTES_PER_MS;
  }

  private hold(completed = false): void {
    const bytes = this.connection.unansweredBytes + this.reader.buffered;
    this.requestMemory.update(this.holding, bytes, completed);
  }

  private send(pieces: readonly Uint8Array[], sent?: () => void): boolean {
    const { socket } = this;
    if (socket.isDestroyed || socket.isEnding) return true;
    let bytes = 0;
    for (const piece of pieces) bytes += piece.byteLength;
    this.unread += this.memory.take(bytes);
    socket.write([framePrefix(bytes), ...pieces], () => {
      this.taken(bytes);
      // Called for a socket that is gone, too, whatever became of what it had.
      if (!socket.isDestroyed) sent?.();
    });
    return socket.bufferedBytes <= UNREAD_BYTES_MAX;
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
    this.lastHeard = this.elapsedMs();
    if (this.arrivingSince !== undefined) this.arrivingSince = this.lastHeard;
    this.socket.resume();
  }
}
