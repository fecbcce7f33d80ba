import type { Topic } from "../../log/cluster.ts";
import type { PartitionLog } from "../../log/partition-log.ts";
import type { AppendResult } from "../../log/partition-types.ts";
import { produce } from "../../wire/apis/produce.ts";
import { ErrorCode, errorName, KafkaError } from "../../wire/errors.ts";
import type { RequestContext, Services } from "./context.ts";
import { failureOf } from "./failure.ts";
import { partitionOf, refuseInternal, topicById, topicByName } from "./partitions.ts";
import { serveApi, type ServedApi } from "./served-api.ts";

/** From this version on topics are named by id. */
const TOPIC_IDS_FROM = 13;

/** When a Produce is answered. */
const ACKS = { none: 0, written: 1, synced: -1 } as const;

interface PartitionResult {
  index: number;
  errorCode: number;
  errorMessage: string | null;
  baseOffset: bigint;
  logAppendTimeMs: bigint;
  logStartOffset: bigint;
  recordErrors: RecordAnswer[];
}

/** A record that a batch was refused for. */
interface RecordAnswer {
  batchIndex: number;
  batchIndexErrorMessage: string;
}

/**
 * Produce: one batch a partition. Every batch is appended before the first await, so the order of requests is the order
 * of the log. The answer comes when the batches are synced (`acks` -1), or written (1); with 0 there is none, and an
 * error closes the connection, since nothing else could tell it (as in Kafka).
 *
 * Versions below 3 carry formats that are no longer stored. They are advertised all the same: librdkafka takes a higher
 * minimum for a broker that cannot compress (KAFKA-18659).
 */
export const produceApi: ServedApi = serveApi(
  produce,
  (request, context) => {
    const { services, apiVersion } = context;
    const { acks } = request;
    const refusal = refused(request.acks, request.transactionalId, apiVersion);
    const find = ({ name, topicId }: AskedTopic): Topic =>
      apiVersion >= TOPIC_IDS_FROM
        ? topicById(services.cluster, topicId)
        : topicByName(services.cluster, name);
    const inLog: Promise<void>[] = [];
    const responses = request.topicData.map(({ name, topicId, partitionData }) => ({
      name,
      topicId,
      partitionResponses: partitionData.map(({ index, records }) =>
        refusal === undefined
          ? appendTo(services, { find: () => find({ name, topicId }), index, records, acks, inLog })
          : Promise.resolve(failed(index, refusal, services)),
      ),
    }));
    // Not before the end of the tick: until then its batches may be pushed. A write that failed may still be under way: then
    // nobody gets the memory.
    Promise.all(inLog).then(() => services.clock.defer(() => context.messageDone()), ignored);
    return answered(responses, acks, context);
  },
  { startsEarly: true, mayBePassed: true },
);

function refused(acks: number, transactionalId: string | null, apiVersion: number): KafkaError | undefined {
  if (apiVersion < 3) {
    return new KafkaError(
      ErrorCode.UNSUPPORTED_VERSION,
      `Produce version ${apiVersion} carries a format that is not stored; use 3 or later`,
    );
  }
  if (acks !== ACKS.none && acks !== ACKS.written && acks !== ACKS.synced) {
    return new KafkaError(ErrorCode.INVALID_REQUIRED_ACKS, `acks is ${acks}; it can be 0, 1 or -1 (all)`);
  }
  if (transactionalId !== null) {
    return new KafkaError(
      ErrorCode.INVALID_TXN_STATE,
      "transactions are not served yet; produce without a transactional id",
    );
  }
  return undefined;
}

interface AskedTopic {
  name: string;
  topicId: string;
}

interface Append {
  /** The topic; throws KafkaError where there is none. */
  find: () => Topic;
  index: number;
  records: Uint8Array | null;
  acks: number;
  /** Gets a promise for each batch that is taken, which resolves when the log looks at its bytes no more. */
  inLog: Promise<void>[];
}

function ignored(): void {}

function appendTo(
  services: Services,
  { find, index, records, acks, inLog }: Append,
): Promise<PartitionResult> {
  try {
    const topic = find();
    refuseInternal(topic);
    const log = partitionOf(topic, index);
    const batch = oneBatch(records);
    const result = attemptAppend(log, batch);
    if (result instanceof KafkaError) {
      const isAboutRecords = !WITHOUT_LOG_START.has(result.code);
      const logStartOffset = isAboutRecords ? log.logStartOffset : UNKNOWN_OFFSET;
      return Promise.resolve({ ...failed(index, result, services), logStartOffset });
    }
    inLog.push(result.synced);
    return (acks === ACKS.synced ? result.synced : result.written).then(
      () => ({
        index,
        errorCode: ErrorCode.NONE,
        errorMessage: null,
        baseOffset: result.baseOffset,
        logAppendTimeMs: result.logAppendTimeMs,
        logStartOffset: result.logStartOffset,
        recordErrors: [],
      }),
      (error: unknown) => failed(index, error, services),
    );
  } catch (error) {
    return Promise.resolve(failed(index, error, services));
  }
}

const UNKNOWN_OFFSET = -1n;
/** Errors that Kafka answers without the log's start. */
const WITHOUT_LOG_START: ReadonlySet<number> = new Set<number>([
  ErrorCode.CORRUPT_MESSAGE,
  ErrorCode.KAFKA_STORAGE_ERROR,
  ErrorCode.MESSAGE_TOO_LARGE,
]);

/** What the log makes of the batch, or why it does not take it. */
function attemptAppend(log: PartitionLog, batch: Uint8Array): AppendResult | KafkaError {
  try {
    return log.append(batch);
  } catch (error) {
    if (error instanceof KafkaError) return error;
    throw error;
  }
}

/** From version 3 on a partition's records are exactly one batch; that nothing follows it is checked by the log. */
function oneBatch(records: Uint8Array | null): Uint8Array {
  if (records !== null && records.byteLength > 0) return records;
  throw new KafkaError(
    ErrorCode.INVALID_RECORD,
    "a partition of the request holds no batch; send exactly one",
  );
}

function failed(index: number, error: unknown, services: Services): PartitionResult {
  const records = error instanceof KafkaError ? error.records : [];
  return {
    index,
    ...failureOf(error, services),
    baseOffset: UNKNOWN_OFFSET,
    logAppendTimeMs: -1n,
    logStartOffset: UNKNOWN_OFFSET,
    recordErrors: records.map(({ index: batchIndex, message }) => ({
      batchIndex,
      batchIndexErrorMessage: message,
    })),
  };
}

/** `Partition`s never reject. */
interface TopicResult<Partition> extends AskedTopic {
  partitionResponses: Partition[];
}

async function answered(
  topics: readonly TopicResult<Promise<PartitionResult>>[],
  acks: number,
  context: RequestContext,
): Promise<{ responses: TopicResult<PartitionResult>[] } | undefined> {
  const responses: TopicResult<PartitionResult>[] = [];
  for (const { name, topicId, partitionResponses: appends } of topics) {
    const partitionResponses: PartitionResult[] = [];
    for (const append of appends) partitionResponses.push(await append);
    responses.push({ name, topicId, partitionResponses });
  }
  if (acks !== ACKS.none) return { responses };
  const failure = responses
    .flatMap(({ partitionResponses }) => partitionResponses)
    .find(({ errorCode }) => errorCode !== ErrorCode.NONE);
  if (failure !== undefined) {
    context.close(
      `a Produce with acks=0 failed: ${errorName(failure.errorCode)}: ${failure.errorMessage ?? ""}`,
    );
  }
  return undefined;
}
