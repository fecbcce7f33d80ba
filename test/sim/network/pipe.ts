/** One direction of a connection: bytes arrive in order, after a while, as far as the receiver takes them. */
import type { Random } from "../kernel/random.ts";
import type { World } from "../kernel/world.ts";

/** What a pipe leads to, and comes from. */
export interface PipeEnds {
  /** Bytes for the receiver's code: called once for each chunk, in order. */
  arrived(bytes: Uint8Array): void;
  /** The sender has sent all it will. */
  ended(): void;
  /** The receiver's end does not exist any more, and something came for it. */
  unwanted(): void;
  /** The sender has closed for good. */
  reset(): void;
  /** The sender's system has taken some of what was buffered. */
  taken(): void;
  /** Runs something in the receiver's process, or the sender's. */
  enterReceiver(run: () => void): void;
  enterSender(run: () => void): void;
  readonly isReceiverClosed: boolean;
}

interface Chunk {
  readonly kind: "bytes" | "end" | "reset";
  readonly pieces: Uint8Array[];
  bytes: number;
  /** The event of the world in which it left; what is written in the same one goes with it. */
  readonly event: number;
}

interface Written {
  readonly piece: Uint8Array;
  /** Bytes of it that are under way. */
  sent: number;
  readonly taken: (() => void) | undefined;
}

/** Between two chunks that are handed over at once. */
const NEXT_MS = 0.001;
/** How often what came as one chunk is read in two. */
const SPLIT_CHANCE = 0.05;

export class Pipe {
  private readonly world: World;
  private readonly random: Random;
  private readonly ends: PipeEnds;
  private readonly windowBytes: number;
  private readonly delayMs: () => number;
  private readonly left: () => void;
  /** Written, and not taken by the sender's system. */
  private readonly buffered: Written[] = [];
  private bytesBuffered = 0;
  /** Taken by the sender's system and not by the receiver's code. */
  private bytesUnderWay = 0;
  /** Left, and did not arrive; in order. */
  private underWay: Chunk[] = [];
  private last: Chunk | undefined;
  private lastArrivalMs = 0;
  /** Came while the direction was silent. */
  private held: Chunk[] = [];
  private silent = false;
  /** Came, and is not taken by the receiver's code. */
  private readonly waiting: Chunk[] = [];
  private paused = false;
  private ending = false;
  private isReset = false;
  private state: "open" | "cut" | "over" = "open";

  constructor(options: {
    world: World;
    random: Random;
    ends: PipeEnds;
    windowBytes: number;
    /** How long the next chunk takes. */
    delayMs: () => number;
    /** A chunk has left: a moment for something to go wrong. */
    left: () => void;
  }) {
    this.world = options.world;
    this.random = options.random;
    this.ends = options.ends;
    this.windowBytes = options.windowBytes;
    this.delayMs = options.delayMs;
    this.left = options.left;
  }

  get bufferedBytes(): number {
    return this.bytesBuffered;
  }

  get isSilent(): boolean {
    return this.silent;
  }

  /** `taken` is called when the sender's system has all of the piece. */
  write(piece: Uint8Array, taken?: () => void): void {
    if (this.ending || this.state !== "open") return;
    this.buffered.push({ piece, sent: 0, taken });
    this.bytesBuffered += piece.byteLength;
    this.send();
  }

  /** After what was written nothing more comes. */
  end(): void {
    if (this.ending) return;
    this.ending = true;
    this.send();
  }

  /** Whether all that was written is under way, and the end behind it. */
  get isEnded(): boolean {
    return this.ending && this.buffered.length === 0;
  }

  /** Closes for good behind what is under way; what is still buffered is lost. */
  reset(): void {
    if (this.state !== "open" || this.isReset) return;
    this.isReset = true;
    this.ending = true;
    this.buffered.length = 0;
    this.bytesBuffered = 0;
    this.depart("reset");
  }

  /** The receiver's code takes nothing until `resume`. */
  pause(): void {
    this.paused = true;
  }

  resume(): void {
    if (!this.paused) return;
    this.paused = false;
    this.takeWaiting();
  }

  /** From now on nothing arrives. */
  silence(): void {
    this.silent = true;
  }

  /** What came meanwhile arrives after all, as it would when it is sent again. */
  unsilence(): void {
    if (!this.silent) return;
    this.silent = false;
    const delayMs = this.delayMs();
    this.lastArrivalMs = Math.max(this.lastArrivalMs, this.world.nowMs + delayMs);
    const { held } = this;
    this.underWay = [...held, ...this.underWay];
    this.held = [];
    this.last = undefined;
    for (let at = 0; at < held.length; at++) this.world.after(delayMs, () => this.arrive());
  }

  /** Breaks: of what is under way, the receiver gets some of the first chunk at most. */
  cut(): void {
    if (this.state !== "open") return;
    this.unsilence();
    this.state = "cut";
    this.buffered.length = 0;
    this.bytesBuffered = 0;
  }

  private send(): void {
    if (this.state !== "open") return;
    for (let room = this.windowBytes - this.bytesUnderWay; this.buffered.length > 0;) {
      const [first] = this.buffered;
      if (first === undefined) break;
      const rest = first.piece.byteLength - first.sent;
      if (room === 0 && rest > 0) break;
      const bytes = Math.min(room, rest);
      // Bytes of their own: once they are taken, the sender may do with its memory what it likes.
      if (bytes > 0) this.depart("bytes", first.piece.slice(first.sent, first.sent + bytes));
      first.sent += bytes;
      room -= bytes;
      this.bytesBuffered -= bytes;
      if (first.sent < first.piece.byteLength) break;
      this.buffered.shift();
      const { taken } = first;
      if (taken !== undefined) queueMicrotask(() => this.ends.enterSender(taken));
    }
    if (this.isEnded) this.depart("end");
  }

  private depart(kind: Chunk["kind"], piece?: Uint8Array): void {
    const bytes = piece?.byteLength ?? 0;
    this.bytesUnderWay += bytes;
    const { last, world } = this;
    if (kind === "bytes" && piece !== undefined && last?.kind === "bytes" && last.event === world.events) {
      last.pieces.push(piece);
      last.bytes += bytes;
      return;
    }
    const chunk: Chunk = { kind, pieces: piece === undefined ? [] : [piece], bytes, event: world.events };
    this.last = chunk;
    this.underWay.push(chunk);
    this.lastArrivalMs = Math.max(this.lastArrivalMs, world.nowMs + this.delayMs());
    world.after(this.lastArrivalMs - world.nowMs, () => this.arrive());
    if (kind === "bytes") this.left();
  }

  /** The first of those that are under way arrives. */
  private arrive(): void {
    const chunk = this.underWay.shift();
    if (chunk === undefined) return;
    if (this.last === chunk) this.last = undefined;
    if (this.state === "over") return;
    if (this.silent) return void this.held.push(chunk);
    if (this.state === "cut") {
      this.state = "over";
      if (chunk.kind !== "bytes" || this.ends.isReceiverClosed) return;
      const bytes = joined(chunk).subarray(0, this.random.below(chunk.bytes + 1));
      if (bytes.byteLength > 0) this.wait(bytesChunk(bytes, chunk.event));
      return;
    }
    if (chunk.kind === "reset") {
      this.state = "over";
      this.ends.enterReceiver(() => this.ends.reset());
    } else if (this.ends.isReceiverClosed) {
      this.state = "over";
      this.ends.unwanted();
    } else if (chunk.bytes > 1 && this.random.chance(SPLIT_CHANCE)) {
      const whole = joined(chunk);
      const at = this.random.between(1, chunk.bytes - 1);
      this.wait(bytesChunk(whole.subarray(0, at), chunk.event));
      this.wait(bytesChunk(whole.subarray(at), chunk.event));
    } else this.wait(chunk);
  }

  /** It is there; the receiver's code takes it when it can. A frozen one takes the next when it wakes, in order. */
  private wait(chunk: Chunk): void {
    this.waiting.push(chunk);
    if (this.waiting.length > 1) this.takeWaiting();
    else this.ends.enterReceiver(() => this.take());
  }

  private takeWaiting(): void {
    if (this.waiting.length === 0) return;
    this.world.after(NEXT_MS, () =>
      this.ends.enterReceiver(() => {
        if (this.take()) this.takeWaiting();
      }),
    );
  }

  /** Hands over one chunk. Answers whether it could. */
  private take(): boolean {
    if (this.paused || this.ends.isReceiverClosed) return false;
    const chunk = this.waiting.shift();
    if (chunk === undefined) return false;
    this.makeRoom(chunk.bytes);
    if (chunk.kind === "end") this.ends.ended();
    else this.ends.arrived(joined(chunk));
    return true;
  }

  /** The sender learns later that there is room, when it waits for some. */
  private makeRoom(bytes: number): void {
    if (this.buffered.length === 0) {
      this.bytesUnderWay -= bytes;
      return;
    }
    this.world.after(this.delayMs(), () => {
      this.bytesUnderWay -= bytes;
      if (this.buffered.length === 0 || this.state !== "open") return;
      // Small holes in the window are left until they are worth a chunk, or all would end in crumbs.
      const room = this.windowBytes - this.bytesUnderWay;
      if (room < Math.min(this.windowBytes / 2, this.bytesBuffered)) return;
      const before = this.bytesBuffered;
      this.ends.enterSender(() => {
        this.send();
        if (this.bytesBuffered < before) this.ends.taken();
      });
    });
  }
}

function joined({ pieces, bytes }: Chunk): Uint8Array {
  const [only] = pieces;
  if (pieces.length === 1 && only !== undefined) return only;
  const whole = new Uint8Array(bytes);
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.byteLength;
  }
  return whole;
}

function bytesChunk(bytes: Uint8Array, event: number): Chunk {
  return { kind: "bytes", pieces: [bytes], bytes: bytes.byteLength, event };
}
