/** HTTP as far as it matters here: a request line, a status, and a body in chunks whose bytes arrive as they come. */
import type { Process } from "../kernel/process.ts";
import { FrameType, textFrame } from "./frames.ts";
import type { End } from "./link.ts";
import type { Network } from "./network.ts";

const LENGTH_BYTES = 4;
/** Bytes of a body that wait for its reader before the connection is no longer read from. */
const WAITING_BYTES_MAX = 65_536;
const HEAD_BYTES_MAX = 65_536;

/** One chunk of a body; without bytes: its end. */
export function bodyChunk(bytes: Uint8Array): Uint8Array {
  const whole = new Uint8Array(LENGTH_BYTES + bytes.byteLength);
  new DataView(whole.buffer).setInt32(0, bytes.byteLength);
  whole.set(bytes, LENGTH_BYTES);
  return whole;
}

/** An answer that is there at once. */
export function wholeAnswer(status: number, body: string): Uint8Array[] {
  return [answerHead(status), bodyChunk(new TextEncoder().encode(body)), bodyChunk(new Uint8Array(0))];
}

export function answerHead(status: number): Uint8Array {
  return textFrame(FrameType.head, String(status));
}

/** `GET`: the status, and the body as it comes. Rejects as fetch does; so does the body when it is cut short. */
export function get(network: Network, process: Process, address: string, path: string): Exchange {
  return new Exchange(network, process, address, path);
}

export class Exchange {
  /** Of the answer; rejects when there is none. */
  readonly status: Promise<number>;
  private readonly end: End;
  private readonly incoming = new Incoming();
  private readonly body: Uint8Array[] = [];
  private bodyBytes = 0;
  private paused = false;
  private error: Error | undefined;
  private wake: (() => void) | undefined;
  private answered: (status: number) => void = () => undefined;
  private refused: (error: Error) => void = () => undefined;

  constructor(network: Network, process: Process, address: string, path: string) {
    this.status = new Promise((resolve, reject) => {
      this.answered = resolve;
      this.refused = reject;
    });
    this.status.catch(() => undefined);
    this.end = network.connect(process, address, {
      opened: () => this.end.write(textFrame(FrameType.request, path)),
      data: (bytes) => this.received(bytes),
      ended: () => this.fail(new TypeError("the answer was cut short")),
      closed: (reason) => this.fail(new TypeError(`fetch failed: ${reason}`)),
    });
  }

  /** The body's bytes in pieces of any size. */
  async *pieces(): AsyncGenerator<Uint8Array, void, void> {
    for (;;) {
      const piece = this.body.shift();
      if (piece !== undefined) {
        this.bodyBytes -= piece.byteLength;
        this.limit();
        yield piece;
      } else if (this.error !== undefined) throw this.error;
      else if (this.incoming.isComplete) return;
      else {
        await new Promise<void>((resolve) => {
          this.wake = resolve;
        });
      }
    }
  }

  /** No more of it is wanted. Who waits for it gets `reason`. */
  stop(reason: Error): void {
    this.fail(reason);
    this.end.destroy();
  }

  private received(bytes: Uint8Array): void {
    for (const part of this.incoming.push(bytes)) {
      if (typeof part === "number") this.answered(part);
      else {
        this.body.push(part);
        this.bodyBytes += part.byteLength;
      }
    }
    this.limit();
    this.ring();
    if (this.incoming.isComplete) this.end.destroy();
  }

  private limit(): void {
    const pause = this.bodyBytes > WAITING_BYTES_MAX;
    if (pause === this.paused) return;
    this.paused = pause;
    if (pause) this.end.pause();
    else this.end.resume();
  }

  private fail(error: Error): void {
    if (this.incoming.isComplete || this.error !== undefined) return;
    this.error = error;
    this.refused(error);
    this.ring();
  }

  private ring(): void {
    const { wake } = this;
    this.wake = undefined;
    wake?.();
  }
}

/** Tells the parts of an answer: its status, and bytes of its body. */
class Incoming {
  isComplete = false;
  /** Bytes of a head or of a length that is not whole. */
  private start = new Uint8Array(0);
  private hasHead = false;
  /** Bytes that the chunk of the body has left. */
  private left = 0;

  *push(bytes: Uint8Array): Generator<number | Uint8Array, void, undefined> {
    let rest = new Uint8Array(this.start.byteLength + bytes.byteLength);
    rest.set(this.start);
    rest.set(bytes, this.start.byteLength);
    while (rest.byteLength > 0 && !this.isComplete) {
      if (this.left > 0) {
        const piece = rest.subarray(0, this.left);
        this.left -= piece.byteLength;
        rest = rest.subarray(piece.byteLength);
        yield piece;
        continue;
      }
      if (rest.byteLength < LENGTH_BYTES) break;
      const length = new DataView(rest.buffer, rest.byteOffset).getInt32(0);
      if (!this.hasHead) {
        if (length > HEAD_BYTES_MAX) throw new Error("this is no answer");
        if (rest.byteLength < LENGTH_BYTES + length) break;
        this.hasHead = true;
        yield Number(new TextDecoder().decode(rest.subarray(LENGTH_BYTES + 1, LENGTH_BYTES + length)));
        rest = rest.subarray(LENGTH_BYTES + length);
        continue;
      }
      this.left = length;
      this.isComplete = length === 0;
      rest = rest.subarray(LENGTH_BYTES);
    }
    this.start = rest;
  }
}
