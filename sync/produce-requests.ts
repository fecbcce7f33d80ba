/** The two requests of a producer: its id, and a batch. */
import { initProducerId } from "../wire/apis/init-producer-id.ts";
import { produce } from "../wire/apis/produce.ts";
import { ErrorCode, errorName, KafkaError } from "../wire/errors.ts";
import type { Connection } from "./connection.ts";
import type { FrozenBatch } from "./outbox-store.ts";
import { outcomeOf } from "./produce-outcome.ts";
import { standsAt } from "./read-back.ts";

const PRODUCE_TIMEOUT_MS = 30_000;

/**
 * Sends a frozen batch once. Answers the base offset, -1n when a duplicate was recognised without one. Rejects with the
 * partition's error, or with NETWORK_EXCEPTION when no answer came.
 */
export async function produceOnce(connection: Connection, batch: FrozenBatch): Promise<bigint> {
  const answer = await connection.request(
    produce,
    {
      transactionalId: null,
      acks: -1,
      timeoutMs: PRODUCE_TIMEOUT_MS,
      // By its id, where the other side knows topics by it: a successor of the same name gets nothing of this.
      topicData: [
        {
          name: batch.topic,
          topicId: batch.topicId,
          partitionData: [{ index: batch.partition, records: batch.bytes }],
        },
      ],
    },
    PRODUCE_TIMEOUT_MS * 2,
  );
  const mine = answer.responses[0]?.partitionResponses[0];
  const code = mine?.errorCode ?? ErrorCode.UNKNOWN_SERVER_ERROR;
  if (mine === undefined || outcomeOf(code) !== "delivered") {
    const detail =
      mine?.errorMessage ??
      mine?.recordErrors.find((each) => each.batchIndexErrorMessage !== null)?.batchIndexErrorMessage;
    throw new KafkaError(
      code,
      `${batch.topic}-${batch.partition} refused a batch: ${detail ?? errorName(code)}`,
    );
  }
  const isOlder = code === ErrorCode.NONE && mine.baseOffset < batch.endBefore;
  // The log may have been set back, to an older backup say, and have taken our batch at an offset that it had given before.
  if (isOlder && !(await standsAt(connection, batch, mine.baseOffset))) {
    // Acknowledged as a duplicate of something older than this batch: our sequence was used by someone else, say by a
    // copy of this device's data. Nothing of ours was written.
    throw new KafkaError(
      ErrorCode.INVALID_PRODUCER_EPOCH,
      `${batch.topic}-${batch.partition} took a batch for the one at offset ${mine.baseOffset}, which is older`,
    );
  }
  return code === ErrorCode.NONE ? mine.baseOffset : -1n;
}

/** Asks the log's owner for a producer id that nobody else has. */
export async function freshProducerId(connection: Connection): Promise<bigint> {
  const answer = await connection.request(initProducerId, {
    transactionalId: null,
    transactionTimeoutMs: 60_000,
  });
  if (answer.errorCode !== ErrorCode.NONE)
    throw new KafkaError(answer.errorCode, `InitProducerId: ${errorName(answer.errorCode)}`);
  return answer.producerId;
}
