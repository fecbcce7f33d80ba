import type { PartitionLog } from "../../log/partition-log.ts";
import { subscribe } from "../../wire/apis/subscribe.ts";
import { unsubscribe } from "../../wire/apis/unsubscribe.ts";
import { ErrorCode, KafkaError } from "../../wire/errors.ts";
import type { RequestContext } from "./context.ts";
import { failureOf } from "./failure.ts";
import { divergence, partitionOf, topicById } from "./partitions.ts";
import { serveApi, type ServedApi } from "./served-api.ts";
import type { Subscriber } from "./subscriber.ts";

/** Partitions that one connection may follow. */
const SUBSCRIPTIONS_MAX = 10_000;

const LATEST = -1n;
const EARLIEST = -2n;

interface AskedSubscription {
  topicId: string;
  partition: number;
  offset: bigint;
  lastEpoch: number;
}

/**
 * Subscribe: from the answer on the partition is pushed, from `offset`. A client whose last epoch shows that its log has
 * diverged gets the epoch and offset to cut back to, and no subscription. An offset that retention has passed is no
 * error: the first Push names the range that is gone.
 */
export const subscribeApi: ServedApi = serveApi(subscribe, ({ subscriptions }, context) => {
  const subscriber = subscriberOf(context);
  return { subscriptions: subscriptions.map((asked, index) => follow(asked, index, subscriber, context)) };
});

/** Unsubscribe: nothing of these partitions is pushed after the answer. */
export const unsubscribeApi: ServedApi = serveApi(unsubscribe, ({ subscriptions }, context) => {
  const subscriber = subscriberOf(context);
  return {
    subscriptions: subscriptions.map(({ topicId, partition }) => ({
      topicId,
      partition,
      errorCode: subscriber.unsubscribe(topicId, partition)
        ? ErrorCode.NONE
        : ErrorCode.UNKNOWN_SUBSCRIPTION_ID,
    })),
  };
});

function follow(asked: AskedSubscription, index: number, subscriber: Subscriber, context: RequestContext) {
  const { topicId, partition } = asked;
  try {
    const log = partitionOf(topicById(context.services.cluster, topicId), partition);
    const answer = {
      topicId,
      partition,
      errorCode: ErrorCode.NONE as number,
      errorMessage: null,
      logStartOffset: log.logStartOffset,
      highWatermark: log.highWatermark,
      leaderEpoch: log.leaderEpoch,
    };
    const diverging = divergence(log, asked.offset, asked.lastEpoch);
    if (diverging !== undefined) {
      subscriber.unsubscribe(topicId, partition);
      return {
        ...answer,
        offset: -1n,
        divergingEpoch: diverging.epoch,
        divergingEndOffset: diverging.endOffset,
      };
    }
    const offset = startOf(log, asked.offset);
    if (subscriber.size + index >= SUBSCRIPTIONS_MAX) throw tooMany();
    // Not before the answer is out: a client can only take a push for something that it knows it follows.
    context.afterReply(() => subscriber.subscribe(log, offset));
    return { ...answer, offset };
  } catch (error) {
    return {
      topicId,
      partition,
      ...failureOf(error, context.services),
      logStartOffset: -1n,
      highWatermark: -1n,
      leaderEpoch: -1,
      offset: -1n,
    };
  }
}

function startOf(log: PartitionLog, offset: bigint): bigint {
  if (offset === LATEST) return log.highWatermark;
  if (offset === EARLIEST) return log.logStartOffset;
  if (offset >= 0n && offset <= log.highWatermark) return offset;
  throw new KafkaError(
    ErrorCode.OFFSET_OUT_OF_RANGE,
    `offset ${offset} of ${log.topic}-${log.partition} is not between 0 and the high watermark ${log.highWatermark}`,
  );
}

function tooMany(): KafkaError {
  return new KafkaError(
    ErrorCode.POLICY_VIOLATION,
    `a connection can follow at most ${SUBSCRIPTIONS_MAX} partitions`,
  );
}

function subscriberOf({ subscriber }: RequestContext): Subscriber {
  if (subscriber !== undefined) return subscriber;
  throw new KafkaError(ErrorCode.UNSUPPORTED_VERSION, "this listener does not push; use the WebSocket");
}
