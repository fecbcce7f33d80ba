/** Framing on TCP and in the bodies of HTTP history: a length of four bytes in front of every message. */
import { ErrorCode, KafkaError } from "./errors.ts";

const PREFIX_BYTES = 4;
/** A frame that comes in several chunks is given this much memory at first; more only as its bytes arrive. */
const FIRST_BYTES = 64 * 1024;

/** Where messages are put together. */
export interface MessageMemory {
  /** So many bytes, which nobody else has. Anything may be in them. */
  take(length: number): Uint8Array;
  /** What `take` gave, at which nobody looks any more. */
  giveBack(bytes: Uint8Array): void;
}

/** Memory that is not used again. */
export const freshMemory: MessageMemory = {
  take: (length) => new Uint8Array(length),
  giveBack: () => {},
};

/** What stands in front of a message of so many bytes. */
export function framePrefix(bytes: number): Uint8Array {
  const prefix = new Uint8Array(PREFIX_BYTES);
  new DataView(prefix.buffer).setInt32(0, bytes);
  return prefix;
}

export interface FrameReaderOptions {
  frameBytesMax: number;
  lent?: boolean;
  memory?: MessageMemory;
}

/**
 * Cuts a stream that arrives in chunks of any size into its messages. A message that lies in one chunk is a view on that
 * chunk, or a copy where chunks are only lent; one that spans several is put together in memory of its own, once, which
 * grows with what has arrived and never with what was claimed.
 */
export class FrameReader {
  private frameBytesMax: number;
  private readonly lent: boolean;
  private readonly memory: MessageMemory;
  private readonly prefix = new Uint8Array(PREFIX_BYTES);
  private prefixBytes = 0;
  /** Length of the message that is being put together; undefined between messages. */
  private length: number | undefined;
  private partial: Uint8Array = new Uint8Array(0);
  private partialBytes = 0;
  private broken = false;

  /**
   * `lent`: a chunk's memory is used again once its messages have been taken, so nothing of it may be kept. `memory`: where
   * messages are put that are not views; it is for who has them to give it back.
   */
  constructor({ frameBytesMax, lent = false, memory = freshMemory }: FrameReaderOptions) {
    this.frameBytesMax = frameBytesMax;
    this.lent = lent;
    this.memory = memory;
  }

  /** From the next frame on, there can be so many bytes in one. */
  limit(frameBytesMax: number): void {
    this.frameBytesMax = frameBytesMax;
  }

  /** Bytes of an unfinished message that are held here, its prefix included. */
  get buffered(): number {
    return this.prefixBytes + this.partialBytes;
  }

  /**
   * The messages that `chunk` completes. They are cut while they are iterated, which has to be done to the end before the
   * next chunk. Throws KafkaError INVALID_REQUEST for a length that is negative or too large; what follows such a length
   * cannot be told apart, so the reader is of no use any more.
   */
  *push(chunk: Uint8Array): Generator<Uint8Array, void, undefined> {
    if (this.broken)
      throw new KafkaError(ErrorCode.INVALID_REQUEST, "the stream was left in the middle of a chunk");
    this.broken = true;
    let at = 0;
    while (at < chunk.length || this.length === 0) {
      if (this.length === undefined) {
        at += this.takePrefix(chunk, at);
        continue;
      }
      if (this.partialBytes === 0 && chunk.length - at >= this.length) {
        const end = at + this.length;
        const view = chunk.subarray(at, end);
        const message = this.lent ? this.copyOf(view) : view;
        at = end;
        this.endMessage();
        yield message;
        continue;
      }
      at += this.takePart(chunk, at, this.length);
      if (this.partialBytes === this.length) {
        const message = this.partial;
        this.endMessage();
        yield message;
      }
    }
    this.broken = false;
  }

  private takePrefix(chunk: Uint8Array, at: number): number {
    const taken = Math.min(PREFIX_BYTES - this.prefixBytes, chunk.length - at);
    this.prefix.set(chunk.subarray(at, at + taken), this.prefixBytes);
    this.prefixBytes += taken;
    if (this.prefixBytes === PREFIX_BYTES) {
      const length = new DataView(this.prefix.buffer).getInt32(0);
      if (length < 0 || length > this.frameBytesMax) {
        throw new KafkaError(
          ErrorCode.INVALID_REQUEST,
          `a frame claims ${length} bytes; there can be at most ${this.frameBytesMax}`,
        );
      }
      this.length = length;
    }
    return taken;
  }

  private takePart(chunk: Uint8Array, at: number, length: number): number {
    const taken = Math.min(length - this.partialBytes, chunk.length - at);
    const needed = this.partialBytes + taken;
    if (needed > this.partial.length) {
      const grown = this.memory.take(
        Math.min(length, Math.max(FIRST_BYTES, 2 * this.partial.length, needed)),
      );
      grown.set(this.partial.subarray(0, this.partialBytes));
      this.memory.giveBack(this.partial);
      this.partial = grown;
    }
    this.partial.set(chunk.subarray(at, at + taken), this.partialBytes);
    this.partialBytes = needed;
    return taken;
  }

  private copyOf(view: Uint8Array): Uint8Array {
    const copy = this.memory.take(view.length);
    copy.set(view);
    return copy;
  }

  private endMessage(): void {
    this.length = undefined;
    this.prefixBytes = 0;
    this.partial = new Uint8Array(0);
    this.partialBytes = 0;
  }
}
