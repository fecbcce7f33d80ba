/** One connection between two processes: two directions, two ends, and whether either of them knows that it is over. */
import type { Process } from "../kernel/process.ts";
import type { Random } from "../kernel/random.ts";
import type { World } from "../kernel/world.ts";
import { Pipe, type PipeEnds } from "./pipe.ts";

/** What an end's owner is told, in its own process. After `closed` nothing more. */
export interface EndHandler {
  /** For who connects: the other side has taken the connection. */
  opened?(): void;
  data(bytes: Uint8Array): void;
  /** The other side has sent all it will. */
  ended(): void;
  /** Some of what was buffered has been taken. */
  drained?(): void;
  closed(reason: string): void;
}

/** How a system behaves whose peer is not heard any more: it gives up after this long. */
const PATIENCE_MS: readonly [number, number] = [60_000, 600_000];
const BREAK_MS: readonly [number, number] = [0.1, 100];
const EMPTY = new Uint8Array(0);

/** One side of a connection. Whatever is done to one that is closed does nothing. */
export class End {
  readonly process: Process;
  /** How long nothing may be heard of the other side before this one takes it for gone, in milliseconds. */
  patienceMs: number;
  bytesRead = 0;
  /** When something last came in or went out. */
  lastActiveMs: number;
  private readonly link: Link;
  private readonly handler: EndHandler;
  private closed = false;
  private ending = false;

  constructor(link: Link, process: Process, handler: EndHandler) {
    this.link = link;
    this.process = process;
    this.handler = handler;
    this.patienceMs = link.random.between(...PATIENCE_MS);
    this.lastActiveMs = link.world.nowMs;
  }

  get isClosed(): boolean {
    return this.closed;
  }

  /** It has been told to end: what is written from now on goes nowhere. */
  get isEnding(): boolean {
    return this.ending || this.closed;
  }

  /** Bytes that its system has not taken yet. */
  get bufferedBytes(): number {
    return this.closed ? 0 : (this.out?.bufferedBytes ?? 0);
  }

  /** `taken` is called when its system has the whole piece. */
  write(piece: Uint8Array, taken?: () => void): void {
    if (this.isEnding || !this.process.isAlive) return;
    this.lastActiveMs = this.link.world.nowMs;
    this.out?.write(piece, taken);
  }

  pause(): void {
    this.in?.pause();
  }

  resume(): void {
    if (!this.closed) this.in?.resume();
  }

  /** Sends what was written, and closes. */
  end(): void {
    if (this.isEnding) return;
    this.ending = true;
    const { out } = this;
    if (out === undefined) return this.close("closed by this side");
    out.write(EMPTY, () => this.close("closed by this side"));
    out.end();
  }

  /** Closes at once. */
  destroy(): void {
    if (this.closed) return;
    this.out?.reset();
    this.close("closed by this side");
  }

  /** Its system has found out that the connection is no more. */
  lost(reason: string): void {
    if (this.closed) return;
    this.closed = true;
    this.link.closed();
    this.handler.closed(reason);
  }

  /** Its process is dead: nobody is there to be told. */
  abandon(): void {
    if (this.closed) return;
    this.closed = true;
    this.link.closed();
  }

  opened(): void {
    if (!this.isEnding) this.handler.opened?.();
  }

  received(bytes: Uint8Array): void {
    this.bytesRead += bytes.byteLength;
    this.lastActiveMs = this.link.world.nowMs;
    this.handler.data(bytes);
  }

  otherEnded(): void {
    this.handler.ended();
  }

  drained(): void {
    this.lastActiveMs = this.link.world.nowMs;
    if (!this.closed) this.handler.drained?.();
  }

  private close(reason: string): void {
    if (this.closed) return;
    this.closed = true;
    this.link.closed();
    this.process.later(0.001, () => this.handler.closed(reason));
  }

  private get out(): Pipe | undefined {
    return this.link.pipeFrom(this);
  }

  private get in(): Pipe | undefined {
    return this.link.pipeTo(this);
  }
}

export interface LinkOptions {
  world: World;
  random: Random;
  name: string;
  windowBytes: number;
  /** How long the next chunk takes. */
  delayMs: () => number;
  /** A chunk has left on one of its directions: a moment for something to go wrong. */
  left: (link: Link, direction: Pipe) => void;
  /** Both ends are closed. */
  over: (link: Link) => void;
}

export class Link {
  readonly world: World;
  readonly random: Random;
  /** Who with whom, for the story. */
  readonly name: string;
  readonly client: End;
  private readonly options: LinkOptions;
  private accepted: { readonly server: End; readonly up: Pipe; readonly down: Pipe } | undefined;
  private broken = false;

  constructor(options: LinkOptions, process: Process, handler: EndHandler) {
    this.world = options.world;
    this.random = options.random;
    this.name = options.name;
    this.options = options;
    this.client = new End(this, process, handler);
  }

  get server(): End | undefined {
    return this.accepted?.server;
  }

  get isBroken(): boolean {
    return this.broken;
  }

  /** Whether a direction of it is silent. */
  get isSilent(): boolean {
    return this.accepted !== undefined && (this.accepted.up.isSilent || this.accepted.down.isSilent);
  }

  /** The other side has taken the connection. */
  accept(process: Process, handler: (end: End) => EndHandler): void {
    const told: { handler?: EndHandler } = {};
    const server = new End(this, process, {
      data: (bytes) => told.handler?.data(bytes),
      ended: () => told.handler?.ended(),
      drained: () => told.handler?.drained?.(),
      closed: (reason) => told.handler?.closed(reason),
    });
    const { client } = this;
    this.accepted = { server, up: this.pipe(client, server), down: this.pipe(server, client) };
    told.handler = handler(server);
  }

  pipeFrom(end: End): Pipe | undefined {
    return end === this.client ? this.accepted?.up : this.accepted?.down;
  }

  pipeTo(end: End): Pipe | undefined {
    return end === this.client ? this.accepted?.down : this.accepted?.up;
  }

  closed(): void {
    if (this.client.isClosed && this.server?.isClosed !== false) this.options.over(this);
  }

  /** Breaks now, in the middle of what is under way; both ends that are left find out soon. */
  break(reason: string): void {
    if (this.broken) return;
    this.broken = true;
    this.accepted?.up.cut();
    this.accepted?.down.cut();
    for (const end of [this.client, this.server]) {
      if (end === undefined || end.isClosed) continue;
      this.world.after(this.random.delay(...BREAK_MS), () => end.process.enter(() => end.lost(reason)));
    }
  }

  /** Nothing passes in these directions any more, for a while or for good; each end gives up when its patience is over. */
  silence(directions: readonly Pipe[], forMs: number): void {
    for (const pipe of directions) pipe.silence();
    if (forMs < Infinity) this.world.after(forMs, () => this.unsilence());
    for (const end of [this.client, this.server]) {
      if (end === undefined || end.isClosed || end.patienceMs >= forMs) continue;
      this.world.after(end.patienceMs, () => {
        if (!this.isSilent || end.isClosed) return;
        this.pipeFrom(end)?.reset();
        end.process.enter(() => end.lost("nothing was heard of the other side"));
      });
    }
  }

  silenceBoth(forMs: number): void {
    if (this.accepted !== undefined) this.silence([this.accepted.up, this.accepted.down], forMs);
  }

  unsilence(): void {
    this.accepted?.up.unsilence();
    this.accepted?.down.unsilence();
  }

  /** The process of one end is dead and its system, which is not, closes for it. */
  abandonedBy(end: End): void {
    // What it had handed over gets there, or it does not.
    const afterMs = this.random.pick([undefined, 0, this.random.delay(0.1, 2000)]);
    if (afterMs === undefined) this.pipeFrom(end)?.reset();
    else this.world.after(afterMs, () => this.break("reset by the other side"));
    end.abandon();
  }

  private pipe(sender: End, receiver: End): Pipe {
    const ends: PipeEnds = {
      arrived: (bytes) => receiver.received(bytes),
      ended: () => receiver.otherEnded(),
      unwanted: () => this.pipeFrom(receiver)?.reset(),
      reset: () => receiver.lost("reset by the other side"),
      taken: () => sender.drained(),
      enterReceiver: (run) => receiver.process.enter(run),
      enterSender: (run) => sender.process.enter(run),
      get isReceiverClosed() {
        return receiver.isClosed;
      },
    };
    const { world, random, windowBytes, delayMs, left } = this.options;
    const pipe: Pipe = new Pipe({
      world,
      random,
      ends,
      windowBytes,
      delayMs,
      left: () => left(this, pipe),
    });
    return pipe;
  }
}
