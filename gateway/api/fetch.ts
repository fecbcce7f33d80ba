import type { Partition } from "../../log/offline-partition.ts";
import type { PartitionLog } from "../../log/partition-log.ts";
import { fetch } from "../../wire/apis/fetch.ts";
import { ErrorCode } from "../../wire/errors.ts";
import type { RequestContext } from "./context.ts";
import { failureOf } from "./failure.ts";
import { FetchWait } from "./fetch-wait.ts";
import { checkLeaderEpoch, divergence, partitionOf, topicById, topicByName } from "./partitions.ts";
import { serveApi, type ServedApi } from "./served-api.ts";

/** Session ids and epochs that mean no session (KIP-227). */
const NO_SESSION = 0;
const FINAL_EPOCH = -1;
/** From this version on topics are named by id. */
const TOPIC_IDS_FROM = 13;
/** Isolation level that leaves out what was aborted, and so wants a list of it. */
const READ_COMMITTED = 1;
const EMPTY = new Uint8Array(0);

interface AskedPartition {
  partition: number;
  currentLeaderEpoch: number;
  fetchOffset: bigint;
  lastFetchedEpoch: number;
  partitionMaxBytes: number;
}

interface AskedTopic {
  topic: string;
  topicId: string;
  partitions: readonly AskedPartition[];
}

interface FetchRequest {
  maxWaitMs: number;
  minBytes: number;
  maxBytes: number;
  isolationLevel: number;
  sessionId: number;
  sessionEpoch: number;
  topics: readonly AskedTopic[];
}

/**
 * Fetch: whole batches below the high watermark, as the log holds them. Waits up to `maxWaitMs` until `minBytes` are
 * there; an error in any partition is answered at once. `maxBytes` may be passed by the first batch alone, so that a
 * reader always gets on (KIP-74). There are no fetch sessions: the answer's session id 0 says so, and every client then
 * names all its partitions each time.
 */
export const fetchApi: ServedApi = serveApi(
  fetch,
  async (request, context) => {
    const sessionError = sessionErrorOf(request);
    if (sessionError !== ErrorCode.NONE)
      return { errorCode: sessionError, sessionId: NO_SESSION, responses: [] };
    const wait = new FetchWait(request.maxWaitMs, context);
    try {
      wait.watch(partitionsOf(request, context));
      for (;;) {
        wait.reset();
        const { responses, bytes, answerNow } = await readWithin(request, context);
        if (answerNow || bytes >= request.minBytes || wait.over) {
          return { errorCode: ErrorCode.NONE as number, sessionId: NO_SESSION, responses };
        }
        await wait.forBytes(request.minBytes - bytes);
      }
    } finally {
      wait.stop();
    }
  },
  { mayBePassed: true },
);

function sessionErrorOf({ sessionId, sessionEpoch }: FetchRequest): number {
  if (sessionId !== NO_SESSION)
    return sessionEpoch === FINAL_EPOCH ? ErrorCode.NONE : ErrorCode.FETCH_SESSION_ID_NOT_FOUND;
  return sessionEpoch > 0 ? ErrorCode.INVALID_FETCH_SESSION_EPOCH : ErrorCode.NONE;
}

function find(
  { topic, topicId }: AskedTopic,
  partition: number,
  { services, apiVersion }: RequestContext,
): PartitionLog {
  const { cluster } = services;
  return partitionOf(
    apiVersion >= TOPIC_IDS_FROM ? topicById(cluster, topicId) : topicByName(cluster, topic),
    partition,
  );
}

/** The logs that are asked for, as far as they are there. */
function* partitionsOf(
  request: FetchRequest,
  { services, apiVersion }: RequestContext,
): Generator<Partition> {
  for (const { topic, topicId, partitions } of request.topics) {
    const found =
      apiVersion >= TOPIC_IDS_FROM ? services.cluster.topicById(topicId) : services.cluster.topic(topic);
    for (const { partition } of partitions) {
      const log = found?.partitions[partition];
      if (log !== undefined) yield log;
    }
  }
}

interface PartitionAnswer {
  partitionIndex: number;
  errorCode: number;
  highWatermark: bigint;
  lastStableOffset: bigint;
  logStartOffset: bigint;
  divergingEpoch?: { epoch: number; endOffset: bigint };
  abortedTransactions: never[] | null;
  records: Uint8Array;
}

interface TopicAnswer {
  topic: string;
  topicId: string;
  partitions: PartitionAnswer[];
}

/** What may still be read for one answer. */
interface Budget {
  bytes: number;
  /** Nothing has been read yet: one batch may be larger than what is left. */
  first: boolean;
  /** Some partition has more than was read of it, so there is nothing to wait for: the next Fetch gets it. */
  isShort: boolean;
}

/** Reads what there is memory for. From the moment that the answer is handed to its socket, the listener counts it. */
async function readWithin(request: FetchRequest, context: RequestContext) {
  const { answerMemory } = context.services;
  const wanted = Math.max(0, Math.min(request.maxBytes, context.listener.fetchBytesMax));
  const share = answerMemory.takeShare(wanted);
  try {
    return await readAll(request, context, share);
  } finally {
    answerMemory.giveBack(share);
  }
}

async function readAll(request: FetchRequest, context: RequestContext, bytesMax: number) {
  const budget: Budget = { bytes: bytesMax, first: true, isShort: false };
  let answerNow = request.topics.length === 0;
  let bytes = 0;
  const responses: TopicAnswer[] = [];
  for (const topic of request.topics) {
    const partitions: PartitionAnswer[] = [];
    for (const asked of topic.partitions) {
      const answer = await readPartition(topic, asked, request.isolationLevel, budget, context);
      bytes += answer.records.byteLength;
      answerNow ||= answer.errorCode !== ErrorCode.NONE || answer.divergingEpoch !== undefined;
      partitions.push(answer);
    }
    responses.push({ topic: topic.topic, topicId: topic.topicId, partitions });
  }
  return { responses, bytes, answerNow: answerNow || budget.isShort };
}

async function readPartition(
  topic: AskedTopic,
  asked: AskedPartition,
  isolationLevel: number,
  budget: Budget,
  context: RequestContext,
): Promise<PartitionAnswer> {
  try {
    const log = find(topic, asked.partition, context);
    checkLeaderEpoch(log, asked.currentLeaderEpoch);
    const diverging = divergence(log, asked.fetchOffset, asked.lastFetchedEpoch);
    const records = diverging === undefined ? await readRecords(log, asked, budget) : EMPTY;
    return {
      partitionIndex: asked.partition,
      errorCode: ErrorCode.NONE,
      highWatermark: log.highWatermark,
      lastStableOffset: log.highWatermark,
      logStartOffset: log.logStartOffset,
      ...(diverging === undefined ? {} : { divergingEpoch: diverging }),
      abortedTransactions: isolationLevel === READ_COMMITTED ? [] : null,
      records,
    };
  } catch (error) {
    return {
      partitionIndex: asked.partition,
      errorCode: failureOf(error, context.services).errorCode,
      highWatermark: -1n,
      lastStableOffset: -1n,
      logStartOffset: -1n,
      abortedTransactions: null,
      records: EMPTY,
    };
  }
}

async function readRecords(log: PartitionLog, asked: AskedPartition, budget: Budget): Promise<Uint8Array> {
  const { fetchOffset } = asked;
  // Written and not synced yet: whoever was answered with acks=1 may know of it already. Nothing there, so far.
  if (fetchOffset >= log.highWatermark && fetchOffset <= log.logEndOffset) return EMPTY;
  const { highWatermark } = log;
  const bytesMax = Math.max(0, Math.min(asked.partitionMaxBytes, budget.bytes));
  const isSpent = bytesMax === 0 && !budget.first;
  // Where nothing more fits the log is asked all the same when it has to say that the offset is out of range.
  const isThere = fetchOffset >= log.logStartOffset && fetchOffset < highWatermark;
  const { bytes, to } =
    isSpent && isThere ? { bytes: EMPTY, to: fetchOffset } : await log.read(fetchOffset, bytesMax);
  const fits = bytes.byteLength <= bytesMax || budget.first;
  budget.isShort ||= !fits || to < highWatermark;
  if (!fits) return EMPTY;
  if (bytes.byteLength > 0) budget.first = false;
  budget.bytes -= bytes.byteLength;
  return bytes;
}
