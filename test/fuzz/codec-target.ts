/** Judges what a decoder makes of bytes: in guarded memory, with much room and with little, beside a native decoder. */
import { BAD_FRAME, OUTPUT_FULL } from "../../engine-as/status.ts";
import { GuardedMemory } from "../engine/guarded.ts";
import { type EngineKind, loadExports } from "../engine/load.ts";
import type { Random } from "../engine/random.ts";
import { Finding, type Target } from "./target.ts";

const ROOM_BYTES = 300_000;
const INPUT_BYTES_MAX = 300_000;
/** Of the builds without SIMD and with assertions, which trap, one of every so many inputs goes through each. */
const OTHERS: readonly (readonly [kind: EngineKind, every: number])[] = [
  ["plain", 4],
  ["debug", 16],
];

export interface CodecInputs {
  readonly codec: number;
  draw(random: Random): Uint8Array;
  /** What a native decoder makes of it; undefined: it cannot be asked. */
  native(bytes: Uint8Array): Uint8Array | "refused" | undefined;
  /** Whether what the native decoder takes must be taken: some forgive what the format's page does not. */
  mustTake(bytes: Uint8Array, native: Uint8Array): boolean;
}

interface Answer {
  readonly status: number;
  readonly bytes: Uint8Array;
}

export class CodecTarget implements Target<Uint8Array> {
  private readonly inputs: CodecInputs;
  private readonly release = new GuardedMemory(loadExports("release"), ROOM_BYTES + INPUT_BYTES_MAX);
  private readonly others = OTHERS.map(([kind, every]) => ({
    kind,
    every,
    memory: new GuardedMemory(loadExports(kind), ROOM_BYTES + INPUT_BYTES_MAX),
  }));

  constructor(inputs: CodecInputs) {
    this.inputs = inputs;
  }

  draw(random: Random): Uint8Array {
    return this.inputs.draw(random).subarray(0, INPUT_BYTES_MAX);
  }

  bytesOf(input: Uint8Array): Uint8Array {
    return input;
  }

  judge(input: Uint8Array, random: Random): string {
    const much = this.decompress(this.release, input, ROOM_BYTES);
    this.judgeLittleRoom(input, much, random);
    for (const { kind, every, memory } of this.others) {
      if (!random.oneIn(every)) continue;
      const other = this.decompress(memory, input, ROOM_BYTES);
      if (other.status !== much.status || Buffer.compare(other.bytes, much.bytes) !== 0)
        throw new Finding(`the ${kind} build answers ${other.status}, the release build ${much.status}`);
    }
    const native = this.inputs.native(input);
    if (native === undefined) return much.status >= 0 ? "sound" : much.status === BAD_FRAME ? "bad" : "full";
    if (native === "refused") {
      if (much.status >= 0) throw new Finding(`${much.status} bytes, and a native decoder refuses`);
      return much.status === BAD_FRAME ? "bad, as to a native decoder" : "full, and bad to a native decoder";
    }
    if (much.status >= 0) {
      if (Buffer.compare(much.bytes, native) !== 0)
        throw new Finding(`${much.status} bytes, and a native decoder finds ${native.length} others`);
      return "sound, as to a native decoder";
    }
    const isOver = much.status === OUTPUT_FULL && native.length > ROOM_BYTES;
    if (!isOver && this.inputs.mustTake(input, native))
      throw new Finding(`answers ${much.status}, and a native decoder finds ${native.length} bytes`);
    return isOver ? "full, as to a native decoder" : "bad, unlike to a native decoder";
  }

  /** With less room the answer is the same, or that the room is full; never something else. */
  private judgeLittleRoom(input: Uint8Array, much: Answer, random: Random): void {
    const size = Math.max(much.status, 0);
    const rooms = [0, size, Math.max(size - 1, 0), random.below(size + 1), random.below(5000)];
    const room = rooms[random.below(rooms.length)] ?? 0;
    const { status, bytes } = this.decompress(this.release, input, room);
    if (much.status >= 0) {
      const expected = room >= size ? size : OUTPUT_FULL;
      if (status !== expected) throw new Finding(`answers ${status}, not ${expected}, with room for ${room}`);
      if (status >= 0 && Buffer.compare(bytes, much.bytes) !== 0)
        throw new Finding(`other bytes with room for ${room}`);
    } else if (status !== OUTPUT_FULL && status !== much.status)
      throw new Finding(`answers ${status} with room for ${room}, and ${much.status} with more`);
  }

  private decompress(memory: GuardedMemory, input: Uint8Array, room: number): Answer {
    const [source, output] = memory.lay(input, room);
    if (source === undefined || output === undefined) throw new Error("no regions");
    const status = memory.exports.decompress(this.inputs.codec, source.at, source.bytes, output.at, room);
    if (!memory.isUntouched([source, output], [input, room]))
      throw new Finding(`wrote outside, with room for ${room}`);
    if (status < 0 && status !== BAD_FRAME && status !== OUTPUT_FULL) throw new Finding(`answers ${status}`);
    if (status > room) throw new Finding(`${status} bytes in a room of ${room}`);
    return { status, bytes: memory.bytes.slice(output.at, output.at + Math.max(status, 0)) };
  }
}
