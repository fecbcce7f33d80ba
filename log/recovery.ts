/**
 * What is done with the segments of a partition when it is opened.
 *
 * The rules that make this decidable:
 *
 * - A segment's file is created only after everything before it is synced: batches, indexes, producer snapshot. So only
 *   the last segment can hold bytes that never reached the disk, and one before it that is not whole is damaged.
 * - In the last segment everything below the noted synced end (`synced-ends.ts`) has been on the disk once. Damage there is
 *   damage to what was acknowledged, and is refused. Above it a power loss may leave any mixture of written and unwritten
 *   pages, even sound batches after a hole: all from the first unsound batch on is cut, counted and told.
 *
 * | segment | ends             | against the synced end | decision |                                                    |
 * | ------- | ---------------- | ---------------------- | -------- | -------------------------------------------------- |
 * | last    | whole            | at or above            | keep     | the usual case                                     |
 * | last    | torn or bad      | at or above            | cut      | writes that were never synced                      |
 * | last    | any              | below                  | refuse   | acknowledged data is damaged, or missing           |
 * | earlier | whole, and joins | any                    | keep     |                                                    |
 * | earlier | anything else    | any                    | refuse   | acknowledged data is damaged, or missing           |
 *
 * | files found                                   | decision                                                              |
 * | --------------------------------------------- | --------------------------------------------------------------------- |
 * | no segment, synced end 0                      | a new partition, or a replica that was beginning anew                 |
 * | no segment, synced end above 0                | refuse: the segments were taken away                                  |
 * | no segment, a leader's log start above 0      | refuse: the segments were taken away                                  |
 * | first segment begins after the log start      | refuse: a segment was taken away                                      |
 * | segments wholly below the log start           | delete: a deletion of records was cut short                           |
 * | a leader's log ends below its log start       | refuse: acknowledged data is missing                                  |
 * | `.index` or `.timeindex` without its `.log`   | delete: a roll or a removal was cut short                             |
 * | `tail-copy-checkpoint`                        | write the end anew once more, unless the synced end has passed it     |
 * | `tail-copy` without it                        | delete: the log is as it was                                          |
 * | `.log.swap`                                   | delete the segments that it was made of, and take their place         |
 * | `.log.cleaned`                                | delete: compaction had not finished it                                |
 * | `.snapshot` beyond the end                    | delete: it tells of batches that were cut                             |
 * | `.log` without sound indexes                  | build them again                                                      |
 * | no sound `.snapshot` at a segment's start     | read producers from the last one before it, or from the log's start   |
 * | damaged `.snapshot` at the first segment      | refuse: only it knows the producers of records that were deleted      |
 */
import { ErrorCode, KafkaError } from "../wire/errors.ts";
import type { Ending } from "./scan.ts";

export type Decision = "keep" | "cut" | "refuse";

/** All that a decision about one segment depends on. */
export interface SegmentCase {
  readonly place: "last" | "earlier";
  readonly ending: Ending;
  /** Where its sound batches end, against the noted synced end. */
  readonly syncedEnd: "reached" | "above";
  /** Whether the next segment begins where this one's sound batches end. True for the last. */
  readonly joins: boolean;
}

interface Rule {
  readonly when: Partial<SegmentCase>;
  readonly decision: Decision;
}

/** The first rule that matches decides. */
export const RULES: readonly Rule[] = [
  { when: { place: "last", syncedEnd: "above" }, decision: "refuse" },
  { when: { place: "last", ending: "whole" }, decision: "keep" },
  { when: { place: "last" }, decision: "cut" },
  { when: { place: "earlier", ending: "whole", joins: true }, decision: "keep" },
  { when: { place: "earlier" }, decision: "refuse" },
];

export function decide(facts: SegmentCase): Decision {
  const rule = RULES.find(({ when }) =>
    (Object.keys(when) as (keyof SegmentCase)[]).every((fact) => when[fact] === facts[fact]),
  );
  return rule?.decision ?? "refuse";
}

/** What recovery found and did, for the log and for metrics. */
export interface RecoveryReport {
  /** "clean": the last shutdown vouched for it; "scanned": read through; "new": there was nothing; "offline": not opened. */
  readonly how: "new" | "clean" | "scanned" | "offline";
  /** Bytes of the last segment that are kept, and that were cut. */
  readonly validBytes: number;
  readonly droppedBytes: number;
  /** Why bytes were cut, or why it is offline; else empty. */
  readonly reason: string;
}

/** Where the sound bytes of a partition end. */
export interface SoundEnd {
  readonly file: string;
  readonly position: number;
  readonly endOffset: bigint;
}

/** Who says what was synced: a file, and how lines in it begin. */
export interface SyncedSaying {
  readonly file: string;
  readonly key: string;
}

/** Damage to what was acknowledged: says where, and what can be done. */
export function refusal(
  { file, position, endOffset }: SoundEnd,
  expected: bigint,
  reason: string,
  said: SyncedSaying,
): KafkaError {
  const what = reason === "" ? "it ends there" : reason;
  const directory = file.slice(0, file.lastIndexOf("/"));
  return new KafkaError(
    ErrorCode.KAFKA_STORAGE_ERROR,
    `${file} is damaged at byte ${position} (offset ${endOffset}): ${what}, but everything up to offset ${expected} was ` +
      `synced and acknowledged. Nothing was changed. Restore ${directory} from a replica or a backup; or, to give up ` +
      `what follows byte ${position}, stop the node, cut the file there, delete all files of later offsets in ${directory}, ` +
      `take the lines that begin with "${said.key} " out of ${said.file}, and if ${directory}/log-start says more than ` +
      `${endOffset}, write that offset into it and leave its last line out`,
  );
}

/** The first segment begins later than the log does. */
export function lostStart(directory: string, firstBase: bigint, logStart: bigint): KafkaError {
  return new KafkaError(
    ErrorCode.KAFKA_STORAGE_ERROR,
    `the log of ${directory} begins at offset ${logStart}, but its first segment at ${firstBase}: the segments before that ` +
      `are gone, and nobody has deleted their records. Nothing was changed. Restore ${directory} from a replica or a ` +
      `backup; or, to give up what is gone, write two lines into ${directory}/log-start: "version: 0" and ` +
      `"log_start_offset: ${firstBase}"`,
  );
}
