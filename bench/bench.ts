/** What every bench is given. */
import type { Rounds } from "./harness.ts";
import type { BenchReport } from "./report.ts";

export type Mode = "full" | "small";

export interface BenchSettings {
  /** `small`: a second's worth of the same work for the tests, which assert counts and hashes. */
  readonly mode: Mode;
  readonly seed: number;
  /** The project's directory. */
  readonly root: string;
  /** Leaves out the parts of a bench whose names do not have all of these texts. Benches may pay no heed to it. */
  readonly only?: readonly string[];
  /** Other than a bench would have, where it pays heed to it. */
  readonly rounds?: number;
  /** Where `bundle.mjs` has put the scripts of child processes. */
  readonly scripts: string;
}

export type Bench = (settings: BenchSettings) => Promise<BenchReport>;

/** Rounds for contenders that run for milliseconds each. */
export const SHORT_ROUNDS: Readonly<Record<Mode, Rounds & { roundMs: number }>> = {
  full: { warmups: 10, rounds: 41, roundMs: 8 },
  small: { warmups: 1, rounds: 3, roundMs: 0 },
};
