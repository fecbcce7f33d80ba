import { describeProducers } from "../../wire/apis/describe-producers.ts";
import { ErrorCode } from "../../wire/errors.ts";
import type { Services } from "./context.ts";
import { failureOf } from "./failure.ts";
import { partitionOf, topicCalled } from "./partitions.ts";
import { serveApi, type ServedApi } from "./served-api.ts";

/**
 * DescribeProducers (KIP-664): who has written to a partition with a producer id, and is remembered. Each partition is told of
 * once, however often it is named: a few bytes of a request are answered with thousands of producers.
 */
export const describeProducersApi: ServedApi = serveApi(describeProducers, ({ topics }, { services }) => {
  const told = new Set<string>();
  const isFirst = (partition: string): boolean => told.size < told.add(partition).size;
  return {
    topics: topics.map(({ name, partitionIndexes }) => ({
      name,
      partitions: partitionIndexes
        .filter((partition) => isFirst(`${name} ${partition}`))
        .map((partition) => described(name, partition, services)),
    })),
  };
});

function described(name: string, partitionIndex: number, services: Services) {
  try {
    const producers = partitionOf(topicCalled(services.cluster, name), partitionIndex).producers();
    return {
      partitionIndex,
      errorCode: ErrorCode.NONE as number,
      errorMessage: null,
      activeProducers: producers.map(({ producerId, epoch, lastSequence, lastTimestamp }) => ({
        producerId,
        producerEpoch: epoch,
        lastSequence,
        lastTimestamp,
        // No transaction is ever open here.
        coordinatorEpoch: -1,
        currentTxnStartOffset: -1n,
      })),
    };
  } catch (error) {
    return { partitionIndex, ...failureOf(error, services), activeProducers: [] };
  }
}
