/** What one Fetch reads of the partitions that it names. */
import type { PartitionLog } from "../../log/partition-log.ts";
import { ErrorCode } from "../../wire/errors.ts";
import type { RequestContext } from "./context.ts";
import { failureOf } from "./failure.ts";
import { checkLeaderEpoch, divergence, partitionOf, topicById, topicByName } from "./partitions.ts";

/** From this version on topics are named by id. */
const TOPIC_IDS_FROM = 13;
/** Isolation level that leaves out what was aborted, and so wants a list of it. */
const READ_COMMITTED = 1;
/** After so many partitions others get their turn. */
const PARTITIONS_AT_ONCE = 500;
const EMPTY = new Uint8Array(0);

/** A topic as a request names it: by name, or from version 13 on by id. */
export interface NamedTopic {
  readonly topic: string;
  readonly topicId: string;
}

export interface AskedPartition {
  readonly partition: number;
  readonly currentLeaderEpoch: number;
  readonly fetchOffset: bigint;
  readonly lastFetchedEpoch: number;
  readonly partitionMaxBytes: number;
}

export interface PartitionAnswer {
  partitionIndex: number;
  errorCode: number;
  highWatermark: bigint;
  lastStableOffset: bigint;
  logStartOffset: bigint;
  divergingEpoch?: { epoch: number; endOffset: bigint };
  abortedTransactions: never[] | null;
  records: Uint8Array;
}

/** Whether topics are named by id in this version. */
export function usesTopicIds(apiVersion: number): boolean {
  return apiVersion >= TOPIC_IDS_FROM;
}

/** The partition's log; throws KafkaError where there is none that can be read. */
export function logOf(
  { topic, topicId }: NamedTopic,
  partition: number,
  { services, apiVersion }: RequestContext,
): PartitionLog {
  const { cluster } = services;
  return partitionOf(
    usesTopicIds(apiVersion) ? topicById(cluster, topicId) : topicByName(cluster, topic),
    partition,
  );
}

/** Whether an answer is not worth waiting over: something is wrong, and the client has to act. */
export function isUrgent({ errorCode, divergingEpoch }: PartitionAnswer): boolean {
  return errorCode !== ErrorCode.NONE || divergingEpoch !== undefined;
}

/**
 * One reading of partitions for one answer, within `bytesMax`. The first batch may be larger than that, so that a reader
 * always gets on (KIP-74).
 */
export class FetchReading {
  /** Bytes of records that were read. */
  bytes = 0;
  /** There is nothing to wait for: an error, or more in some partition than was read of it, which the next Fetch gets. */
  answerNow = false;
  private readonly isolationLevel: number;
  private readonly context: RequestContext;
  private left: number;
  private partitions = 0;
  /** Records that the log has lent for the answer. */
  private lent: Uint8Array[] = [];

  constructor(bytesMax: number, isolationLevel: number, context: RequestContext) {
    this.left = bytesMax;
    this.isolationLevel = isolationLevel;
    this.context = context;
  }

  /** Reads one partition; `find` throws KafkaError where it cannot be read. */
  async read(asked: AskedPartition, find: () => PartitionLog): Promise<PartitionAnswer> {
    const answer = await this.answer(asked, find);
    this.answerNow ||= isUrgent(answer);
    this.partitions++;
    const { clock } = this.context.services;
    if (this.partitions % PARTITIONS_AT_ONCE === 0)
      await new Promise<void>((resolve) => clock.defer(resolve));
    return answer;
  }

  /** What was read is the answer: its memory is given back when nobody looks at that any more. */
  answered(): void {
    if (this.lent.length > 0) this.context.afterSent(() => this.giveBack());
  }

  /** Nobody looks at what was read any more: other reads may fill its memory. */
  giveBack(): void {
    for (const bytes of this.lent) this.context.services.giveBack(bytes);
    this.lent = [];
  }

  private async answer(asked: AskedPartition, find: () => PartitionLog): Promise<PartitionAnswer> {
    try {
      const log = find();
      checkLeaderEpoch(log, asked.currentLeaderEpoch);
      const diverging = divergence(log, asked.fetchOffset, asked.lastFetchedEpoch);
      const records = diverging === undefined ? await this.records(log, asked) : EMPTY;
      return {
        partitionIndex: asked.partition,
        errorCode: ErrorCode.NONE,
        highWatermark: log.highWatermark,
        lastStableOffset: log.highWatermark,
        logStartOffset: log.logStartOffset,
        ...(diverging === undefined ? {} : { divergingEpoch: diverging }),
        abortedTransactions: this.isolationLevel === READ_COMMITTED ? [] : null,
        records,
      };
    } catch (error) {
      return {
        partitionIndex: asked.partition,
        errorCode: failureOf(error, this.context.services).errorCode,
        highWatermark: -1n,
        lastStableOffset: -1n,
        logStartOffset: -1n,
        abortedTransactions: null,
        records: EMPTY,
      };
    }
  }

  private async records(log: PartitionLog, asked: AskedPartition): Promise<Uint8Array> {
    const { fetchOffset } = asked;
    // Written and not synced yet: whoever was answered with acks=1 may know of it already. Nothing there, so far.
    if (fetchOffset >= log.highWatermark && fetchOffset <= log.logEndOffset) return EMPTY;
    const { highWatermark } = log;
    const isFirst = this.bytes === 0;
    const bytesMax = Math.max(0, Math.min(asked.partitionMaxBytes, this.left));
    const isSpent = bytesMax === 0 && !isFirst;
    // Where nothing more fits the log is asked all the same when it has to say that the offset is out of range.
    const isThere = fetchOffset >= log.logStartOffset && fetchOffset < highWatermark;
    const { bytes, to } =
      isSpent && isThere ? { bytes: EMPTY, to: fetchOffset } : await log.read(fetchOffset, bytesMax);
    const fits = bytes.byteLength <= bytesMax || isFirst;
    this.answerNow ||= !fits || to < highWatermark;
    if (!fits) {
      // Not kept until the answer is sent: where little space is left, this may be one large batch of each partition.
      this.context.services.giveBack(bytes);
      return EMPTY;
    }
    if (bytes.byteLength > 0) this.lent.push(bytes);
    this.bytes += bytes.byteLength;
    this.left -= bytes.byteLength;
    return bytes;
  }
}

/** Has `read` read what there is memory for. From the moment that the answer is handed to its socket, the listener counts it. */
export async function withinMemory<T>(
  maxBytes: number,
  { services, listener }: RequestContext,
  read: (bytesMax: number) => Promise<T>,
): Promise<T> {
  const { answerMemory } = services;
  const share = answerMemory.takeShare(Math.max(0, Math.min(maxBytes, listener.fetchBytesMax)));
  try {
    return await read(share);
  } finally {
    answerMemory.giveBack(share);
  }
}
