/**
 * What a large run must have exercised at least once: a fault that never happens tests nothing, and nobody would notice.
 * Names are those that the parts of the simulation count under.
 */
export const MUST_HAPPEN: readonly string[] = [
  "gateway: killed",
  "gateway: power loss",
  "gateway: refused to start",
  "gateway: restarted to mend a partition",
  "disk: full",
  "device: clock jumped",
];

/** From so many seeds on chance is no excuse. */
export const SEEDS_FOR_ALL = 300;

/** Those that have not happened. */
export function missing(counts: ReadonlyMap<string, number>): string[] {
  return MUST_HAPPEN.filter((what) => (counts.get(what) ?? 0) === 0);
}
