/**
 * What a large run must have exercised at least once: a fault that never happens tests nothing, and nobody would notice.
 * Names are those that the parts of the simulation count under.
 */
export const MUST_HAPPEN: readonly string[] = [
  "gateway: started",
  "gateway: stopped",
  "gateway: killed",
  "gateway: power loss",
  "gateway: power loss during a start",
  "gateway: refused to start",
  "gateway: restarted to mend a partition",
  "gateway: cut a torn tail",
  "disk: bytes lost",
  "disk: torn write",
  "disk: creation undone",
  "disk: removal undone",
  "disk: short read",
  "disk: short write",
  "disk: slow call",
  "disk: sync failed",
  "disk: write failed",
  "disk: bit flipped",
  "disk: full",
  "disk: stood still",
  "disk: no space",
  "disk: no descriptor",
  "network: cut",
  "network: half open",
  "network: one way",
  "network: stalled",
  "network: offline",
  "network: not answered",
  "network: refused",
  "tab: crashed",
  "tab: crashed while it was opened",
  "tab: frozen",
  "tab: switched offline",
  "tab: took over delivery",
  "tab: took over a replica",
  "device: clock jumped",
  "device: lost power",
  "idb: transaction aborted",
  "idb: relaxed transactions lost",
  "idb: database deleted",
  "idb: wiped",
  "kafka producer: crashed",
  "kafka producer: began anew",
  "kafka producer: batch damaged on its way",
  "kafka consumer: crashed",
  "kafka consumer: diverged",
  "publisher: in doubt, and the word is retry",
  "publisher: in doubt, and the word is discard",
  "publisher: held, and the word is retry",
  "publisher: held, and the word is discard",
  "subscriber: the topic was deleted",
  "reader of the SDK: gap",
  "retention: log start moved",
  "topic: deleted",
  "topic: partition added",
];

/** From so many seeds on chance is no excuse. */
export const SEEDS_FOR_ALL = 300;

/** Those that have not happened. */
export function missing(counts: ReadonlyMap<string, number>): string[] {
  return MUST_HAPPEN.filter((what) => (counts.get(what) ?? 0) === 0);
}
