/** What the runner and its workers say to each other. */

/** One seed to run. */
export interface Task {
  readonly seed: number;
  /** Send the story, line by line. */
  readonly tells: boolean;
  /** Run it a second time: the history must be the same. */
  readonly twice: boolean;
}

/** What became of one seed. */
export interface SeedReport {
  readonly seed: number;
  /** Promises that were broken, in words; none: all is well. */
  readonly violations: readonly string[];
  readonly counts: ReadonlyMap<string, number>;
  readonly digest: string;
  readonly events: number;
  readonly simulatedMs: number;
  /** Wall time. */
  readonly tookMs: number;
}

export type FromWorker =
  /** It is loaded, and takes tasks. */
  | { readonly kind: "ready" }
  | { readonly kind: "line"; readonly line: string }
  | { readonly kind: "report"; readonly report: SeedReport };

/** The report of a seed that could not make one itself. */
export function brokenOff(seed: number, violation: string, tookMs: number): SeedReport {
  return { seed, violations: [violation], counts: new Map(), digest: "", events: 0, simulatedMs: 0, tookMs };
}

export function textOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? `${error.name}: ${error.message}`) : String(error);
}
