/**
 * WebSocket frames (RFC 6455) as cheap as can be: for receivers that throw the bytes away but must count, and for load
 * generators. Whoever measures a server must cost less than the server does.
 */

export const TEXT = 1;
export const BINARY = 2;
export const PING = 9;
export const PONG = 10;
export const CLOSE = 8;

/** Called for each frame: the opcode, the payload's length, and its first bytes, valid during the call only. */
export type OnFrame = (opcode: number, length: number, prefix: Uint8Array) => void;

/** Takes a server's bytes in pieces of any size and tells of each frame once its prefix is there. */
export class FrameScanner {
  private readonly onFrame: OnFrame;
  private readonly prefixBytes: number;
  /** Header and prefix of a frame that a piece has cut. */
  private readonly head: Uint8Array;
  private headLength = 0;
  /** Payload bytes that are still to be passed over. */
  private skip = 0;

  /** `prefixBytes`: how much of each payload `onFrame` gets to see, or less where a payload is shorter. */
  constructor(prefixBytes: number, onFrame: OnFrame) {
    this.prefixBytes = prefixBytes;
    this.onFrame = onFrame;
    this.head = new Uint8Array(HEADER_BYTES_MAX + prefixBytes);
  }

  push(bytes: Uint8Array, length = bytes.length): void {
    let at = 0;
    while (at < length) {
      if (this.skip > 0) {
        const passed = Math.min(this.skip, length - at);
        this.skip -= passed;
        at += passed;
      } else if (this.headLength === 0 && at + headBytes(bytes, at, length, this.prefixBytes) <= length) {
        at += this.takeFrame(bytes, at);
      } else {
        at = this.gather(bytes, at, length);
      }
    }
  }

  /** Adds bytes to the head until it is whole; answers where the rest begins. */
  private gather(bytes: Uint8Array, from: number, length: number): number {
    let at = from;
    while (at < length) {
      const wanted = headBytes(this.head, 0, this.headLength, this.prefixBytes) - this.headLength;
      const taken = bytes.subarray(at, Math.min(at + wanted, length));
      this.head.set(taken, this.headLength);
      this.headLength += taken.length;
      at += taken.length;
      if (headBytes(this.head, 0, this.headLength, this.prefixBytes) === this.headLength) {
        this.headLength = 0;
        this.takeFrame(this.head, 0);
        return at;
      }
    }
    return at;
  }

  /** Tells of the frame at `at`, whose header and prefix are there, and answers how long these are. */
  private takeFrame(bytes: Uint8Array, at: number): number {
    const payloadAt = at + headerBytes(bytes, at);
    const payload = payloadBytes(bytes, at);
    const prefix = Math.min(payload, this.prefixBytes);
    this.skip = payload - prefix;
    this.onFrame((bytes[at] ?? 0) & 0x0f, payload, bytes.subarray(payloadAt, payloadAt + prefix));
    return payloadAt + prefix - at;
  }
}

/** How many bytes header and prefix have, or, while too few are there to tell, how many it takes to know more. */
function headBytes(bytes: Uint8Array, at: number, end: number, prefixBytes: number): number {
  if (end - at < 2) return 2;
  const header = headerBytes(bytes, at);
  return end - at < header ? header : header + Math.min(payloadBytes(bytes, at), prefixBytes);
}

function headerBytes(bytes: Uint8Array, at: number): number {
  const short = (bytes[at + 1] ?? 0) & 0x7f;
  return short < 126 ? 2 : short === 126 ? 4 : 10;
}

function payloadBytes(bytes: Uint8Array, at: number): number {
  const short = (bytes[at + 1] ?? 0) & 0x7f;
  if (short < 126) return short;
  let length = 0;
  for (let next = at + 2; next < at + headerBytes(bytes, at); next++)
    length = length * 256 + (bytes[next] ?? 0);
  return length;
}

const HEADER_BYTES_MAX = 10;

/** A client's binary or text frame around `payload`. Masked as the RFC demands, with zeros: the server's work is the same. */
export function clientFrame(payload: Uint8Array, opcode = BINARY): Uint8Array {
  return frame(payload, opcode, 0x80);
}

/** A server's binary frame around `payload`. */
export function serverFrame(payload: Uint8Array): Uint8Array {
  return frame(payload, BINARY, 0);
}

function frame(payload: Uint8Array, opcode: number, maskBit: 0 | 0x80): Uint8Array {
  const short = payload.length < 126 ? payload.length : payload.length < 65_536 ? 126 : 127;
  const lengthBytes = short < 126 ? 0 : short === 126 ? 2 : 8;
  const headerBytes = 2 + lengthBytes + (maskBit === 0 ? 0 : 4);
  const bytes = new Uint8Array(headerBytes + payload.length);
  bytes[0] = 0x80 | opcode;
  bytes[1] = maskBit | short;
  const view = new DataView(bytes.buffer);
  if (lengthBytes === 2) view.setUint16(2, payload.length);
  if (lengthBytes === 8) view.setBigUint64(2, BigInt(payload.length));
  bytes.set(payload, headerBytes);
  return bytes;
}
