/** What a fuzzer's target is: something that draws inputs from seeds and judges what the engine makes of them. */
import { Random } from "../engine/random.ts";

export interface Target<Input = unknown> {
  /** The same input for the same seed. */
  draw(random: Random): Input;
  /** Runs it and answers what came of it, in a word, to be counted. Throws Finding. */
  judge(input: Input, random: Random): string;
  /** The input as bytes, to be kept when it is a finding. */
  bytesOf(input: Input): Uint8Array;
}

/** Something that must not be. */
export class Finding extends Error {
  override readonly name = "Finding";
}

/** How often each outcome came. */
export type Outcomes = Map<string, number>;

export interface Failure {
  readonly seed: number;
  readonly message: string;
  readonly bytes: Uint8Array;
}

/** An input takes less; a machine that is busy with other things is given more tries. */
const CALL_MS_MAX = 2000;
const TRIES = 3;

/** Runs the one input of a seed; answers what is wrong with it. */
export function runSeed(target: Target, seed: number, outcomes: Outcomes): Failure | undefined {
  const input = target.draw(new Random(seed));
  try {
    for (let attempt = 1; ; attempt++) {
      const before = performance.now();
      const outcome = target.judge(input, new Random(~seed));
      const took = performance.now() - before;
      if (took < CALL_MS_MAX) {
        outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
        return undefined;
      }
      if (attempt === TRIES) throw new Finding(`takes ${Math.round(took)} ms`);
    }
  } catch (error) {
    // A trap is one, too.
    const message = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    return { seed, message, bytes: target.bytesOf(input) };
  }
}
