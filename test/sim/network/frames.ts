/**
 * What goes over a simulated WebSocket, and in front of an HTTP body: a length, a type and a payload. Half of one is never
 * handed on.
 */
import { FrameReader } from "../../../wire/frame-reader.ts";

export const FrameType = { message: 0, close: 1, request: 2, head: 3 } as const;

/** A frame with a copy of the payload, as a browser takes one when something is sent. */
export function frame(type: number, payload: Uint8Array): Uint8Array {
  const whole = new Uint8Array(5 + payload.byteLength);
  new DataView(whole.buffer).setInt32(0, 1 + payload.byteLength);
  whole[4] = type;
  whole.set(payload, 5);
  return whole;
}

export function textFrame(type: number, text: string): Uint8Array {
  return frame(type, new TextEncoder().encode(text));
}

export interface ReceivedFrame {
  readonly type: number;
  /** Memory of its own. */
  readonly payload: Uint8Array<ArrayBuffer>;
}

export class Frames {
  private readonly reader: FrameReader;

  /** Throws for payloads that are larger. */
  constructor(payloadBytesMax: number) {
    this.reader = new FrameReader({ frameBytesMax: 1 + payloadBytesMax });
  }

  *push(chunk: Uint8Array): Generator<ReceivedFrame, void, undefined> {
    for (const message of this.reader.push(chunk))
      yield { type: message[0] ?? -1, payload: message.slice(1) };
  }
}
