import { ApiKey, defineApi } from "../api.ts";
import { array, int16, int32, int64, string, struct, uuid } from "../schema.ts";

/**
 * Asks for pushes of partitions (`PROTOCOL.md`). Our own; on WebSocket only. A second Subscribe for a partition replaces
 * the first.
 */
export const subscribe = defineApi({
  name: "Subscribe",
  key: ApiKey.Subscribe,
  versions: [0, 0],
  flexibleFrom: 0,
  request: struct({
    subscriptions: array(
      struct({
        topicId: uuid(),
        partition: int32(),
        /** The next offset wanted; -1 the high watermark, -2 the log's start. */
        offset: int64(),
        /** Leader epoch of the last batch that the client holds; -1 when it holds none. */
        lastEpoch: int32({ default: -1 }),
      }),
    ),
  }),
  response: struct({
    throttleTimeMs: int32({ default: 0 }),
    subscriptions: array(
      struct({
        topicId: uuid(),
        partition: int32(),
        errorCode: int16(),
        errorMessage: string({ nullableFrom: 0, default: null }),
        /** Where pushes begin; -1 when there is no subscription. */
        offset: int64({ default: -1n }),
        logStartOffset: int64({ default: -1n }),
        highWatermark: int64({ default: -1n }),
        leaderEpoch: int32({ default: -1 }),
        /** When not -1 the client's log has diverged and nothing was subscribed: it cuts its log back and asks again. */
        divergingEpoch: int32({ default: -1 }),
        divergingEndOffset: int64({ default: -1n }),
      }),
    ),
  }),
});
