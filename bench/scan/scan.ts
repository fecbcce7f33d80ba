/** Reading a log: the recovery scan of a segment, lookups in its indexes, and the whole path of a fetched batch. */
import type { BenchSettings } from "../bench.ts";
import { checksum } from "../checksum.ts";
import type { BenchReport } from "../report.ts";
import { measureFetchPath } from "./fetch-path.ts";
import { measureLookups } from "./lookups.ts";
import { measureSegment } from "./segment.ts";

export async function scanBench(settings: BenchSettings): Promise<BenchReport> {
  const notes: string[] = [];
  const parts = [
    await measureSegment(settings),
    await measureLookups(settings),
    await measureFetchPath(settings, notes),
  ];
  return {
    name: "scan",
    tables: parts.map((part) => part.table),
    aims: settings.mode === "full" ? parts.flatMap((part) => part.aims) : [],
    notes,
    counts: Object.assign({}, ...parts.map((part) => part.counts)) as Record<string, number>,
    hash: checksum(parts.map((part) => part.hash)),
  };
}
