import { expect } from "vitest";
import { BAD_FRAME, OUTPUT_FULL } from "../../engine-as/status.ts";
import type { GuardedMemory } from "./guarded.ts";

/** Has a decoder take damaged input: its answer must be one of three and within its room, and nothing else is written. */
export class DamagedDecompress {
  private readonly memory: GuardedMemory;
  private readonly codec: number;
  private readonly answers = { sound: 0, [BAD_FRAME]: 0, [OUTPUT_FULL]: 0 };

  constructor(memory: GuardedMemory, codec: number) {
    this.memory = memory;
    this.codec = codec;
  }

  /** `where` names the round and its seed. */
  take(bytes: Uint8Array, room: number, where: string): void {
    const { memory, codec, answers } = this;
    const [input, output] = memory.lay(bytes, room);
    if (input === undefined || output === undefined) throw new Error("no regions");
    const status = memory.exports.decompress(codec, input.at, input.bytes, output.at, room);
    if (!memory.isUntouched([input, output], [bytes, room])) expect.fail(`${where}: wrote outside`);
    if (status >= 0) answers.sound++;
    else if (status === BAD_FRAME || status === OUTPUT_FULL) answers[status]++;
    else expect.fail(`${where}: answered ${status}`);
    if (status > room) expect.fail(`${where}: ${status} bytes in a room of ${room}`);
  }

  /** Damage of every kind was really met, in so many rounds. */
  expectAllMet(rounds: number): void {
    expect(Math.min(...Object.values(this.answers))).toBeGreaterThan(rounds / 100);
  }
}
