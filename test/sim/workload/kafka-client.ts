/** One life of a foreign Kafka client: its process, the connection that it keeps open for ever, and what it asks of it. */
import { errorText } from "../../../sync/error-text.ts";
import { listOffsets } from "../../../wire/apis/list-offsets.ts";
import { metadata } from "../../../wire/apis/metadata.ts";
import { ErrorCode } from "../../../wire/errors.ts";
import { Process } from "../kernel/process.ts";
import type { KafkaRun } from "../workload.ts";
import { ConnectionLost, KafkaConnection } from "./kafka-connection.ts";
import { sleep } from "./waiting.ts";

export const EARLIEST = -2n;
export const LATEST = -1n;

/** A topic as Metadata tells it. */
export interface KafkaTopic {
  readonly name: string;
  readonly id: string;
  readonly partitions: readonly { readonly partition: number; readonly leaderEpoch: number }[];
}

const METADATA_VERSION = 12;
const LIST_OFFSETS_VERSION = 7;
const BACK_OFF_MS = [50, 1000] as const;
const REQUEST_TIMEOUT_MS = [5000, 30_000] as const;

export class KafkaClient {
  readonly process: Process;
  private readonly run: KafkaRun;
  private readonly requestTimeoutMs: number;

  constructor(run: KafkaRun, name: string) {
    this.run = run;
    this.process = new Process(run.world, name);
    const [leastMs, mostMs] = requestTimeoutMs(run);
    this.requestTimeoutMs = this.process.random.between(leastMs, mostMs);
  }

  /** Works on one connection after the other, until `work` says that it is over. A lost connection is no error. */
  async keepConnected(
    work: (connection: KafkaConnection) => Promise<void>,
    isOver: () => boolean = () => false,
  ): Promise<void> {
    const { process, run, requestTimeoutMs } = this;
    while (!isOver()) {
      const transport = run.openKafka(process);
      try {
        const connection = await KafkaConnection.open({ process, transport, requestTimeoutMs });
        try {
          await work(connection);
        } finally {
          connection.close("done with it");
        }
      } catch (error) {
        if (!(error instanceof ConnectionLost)) this.fail(error);
      }
      await sleep(process, process.random.delay(...BACK_OFF_MS));
    }
  }

  /** The client itself, or what it was answered, is broken. */
  fail(error: unknown): void {
    const why = error instanceof Error ? (error.stack ?? error.message) : errorText(error);
    this.run.world.trace.violation(`${this.process.name} failed: ${why}`);
  }
}

/**
 * Kafka asks of producers that they send again before the log forgets them: `delivery.timeout.ms` is less than
 * `producer.id.expiration.ms`. A connection to a machine that lost its power costs two timeouts, of a request and of an
 * attempt to connect, and a rest.
 */
function requestTimeoutMs({ producerIdExpirationMs }: KafkaRun): readonly [leastMs: number, mostMs: number] {
  if (producerIdExpirationMs === undefined) return REQUEST_TIMEOUT_MS;
  return [producerIdExpirationMs / 8, producerIdExpirationMs / 4];
}

/** A topic as the broker has it now; undefined: it is not there, or cannot be told. */
export async function topicNamed(connection: KafkaConnection, name: string): Promise<KafkaTopic | undefined> {
  const topics = await topicsNow(connection, [name]);
  return topics[0];
}

/** Topics as the broker has them now: these, or all. */
export async function topicsNow(
  connection: KafkaConnection,
  names: readonly string[] | null,
): Promise<KafkaTopic[]> {
  const answer = await connection.request(metadata, METADATA_VERSION, {
    topics: names === null ? null : names.map((name) => ({ name })),
    allowAutoTopicCreation: false,
  });
  return answer.topics
    .filter(({ errorCode, name }) => errorCode === ErrorCode.NONE && name !== null)
    .map(({ name, topicId, partitions }) => ({
      name: name ?? "",
      id: topicId,
      partitions: partitions
        .filter(({ errorCode }) => errorCode === ErrorCode.NONE)
        .map(({ partitionIndex, leaderEpoch }) => ({ partition: partitionIndex, leaderEpoch })),
    }));
}

/**
 * A place in a partition of the topic with this id: EARLIEST or LATEST; undefined: not to be had now, or the topic is another
 * one by now. The request knows topics by name alone, so the id is asked for afterwards: an id never comes back.
 */
export async function offsetAt(
  connection: KafkaConnection,
  topic: { readonly name: string; readonly id: string },
  partition: number,
  place: bigint,
): Promise<bigint | undefined> {
  const answer = await connection.request(listOffsets, LIST_OFFSETS_VERSION, {
    replicaId: -1,
    isolationLevel: 0,
    topics: [{ name: topic.name, partitions: [{ partitionIndex: partition, timestamp: place }] }],
  });
  const found = answer.topics[0]?.partitions[0];
  if (found === undefined || found.errorCode !== ErrorCode.NONE) return undefined;
  return (await topicNamed(connection, topic.name))?.id === topic.id ? found.offset : undefined;
}
