/** How the files of a partition are called: Kafka's names, and some of our own. */

/** Kafka's `.log` and its companions, by the offset that they begin with. */
export type SegmentFileKind = "log" | "index" | "timeindex" | "snapshot";

export interface SegmentFileName {
  kind: SegmentFileKind;
  offset: bigint;
}

const OFFSET_DIGITS = 20;
const SEGMENT_FILE = /^(\d{20})\.(log|index|timeindex|snapshot)$/;

/** `<topic>-<partition>`, without a slash. */
export function partitionDirectory(topic: string, partition: number): string {
  return `${topic}-${partition}`;
}

/** Topic and partition of a directory's name, or undefined when it is not a partition's. */
export function parsePartitionDirectory(directory: string): { topic: string; partition: number } | undefined {
  const parts = /^(.+)-(0|[1-9]\d{0,9})$/.exec(directory);
  if (parts?.[1] === undefined) return undefined;
  return { topic: parts[1], partition: Number(parts[2]) };
}

export function segmentFile(directory: string, offset: bigint, kind: SegmentFileKind): string {
  return `${directory}/${offset.toString().padStart(OFFSET_DIGITS, "0")}.${kind}`;
}

/** What a file's name in a partition's directory says, or undefined when it is not a segment's. */
export function parseSegmentFile(directory: string, name: string): SegmentFileName | undefined {
  const parts = SEGMENT_FILE.exec(name.slice(directory.length + 1));
  if (parts?.[1] === undefined) return undefined;
  return { kind: parts[2] as SegmentFileKind, offset: BigInt(parts[1]) };
}

export const identityFile = (directory: string): string => `${directory}/partition.metadata`;
export const leaderEpochFile = (directory: string): string => `${directory}/leader-epoch-checkpoint`;
/** Not one of Kafka's: a lower bound of what is known to be synced (`synced-ends.ts`), of a partition that stands alone. */
export const syncedEndFile = (directory: string): string => `${directory}/synced-end`;
/** Not one of Kafka's: where the log begins (`log-start.ts`). */
export const logStartFile = (directory: string): string => `${directory}/log-start`;
/** Not Kafka's: the end of the log while it is being written anew (`tail-rewrite.ts`). */
export const tailCopyFile = (directory: string): string => `${directory}/tail-copy`;
export const tailCheckpointFile = (directory: string): string => `${directory}/tail-copy-checkpoint`;

/** A compacted segment while it is written, and from when on it takes the place of those that it was made of, as in Kafka. */
export const cleanedFile = (directory: string, base: bigint): string =>
  `${segmentFile(directory, base, "log")}.cleaned`;
export const swapFile = (directory: string, base: bigint): string =>
  `${segmentFile(directory, base, "log")}.swap`;
/** Base offset of a file that `swapFile` has named, or undefined when it is none. */
export function parseSwapFile(directory: string, name: string): bigint | undefined {
  const parts = /^(\d{20})\.log\.swap$/.exec(name.slice(directory.length + 1));
  return parts?.[1] === undefined ? undefined : BigInt(parts[1]);
}
/** Not one of Kafka's: up to where a partition is compacted (`compaction.ts`). */
export const compactedEndFile = (directory: string): string => `${directory}/compacted-end`;
