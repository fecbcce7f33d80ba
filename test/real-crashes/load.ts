/**
 * One idempotent producer and one reader of one partition, over real sockets, for as long as a gateway lives; the next
 * life goes on where the last one ended. The producer is the partition's only one and numbers its records from 0, so the
 * log is right when record n stands at offset n, whatever happened.
 */
import { expect } from "vitest";
import { initProducerId } from "../../wire/apis/init-producer-id.ts";
import { listOffsets } from "../../wire/apis/list-offsets.ts";
import { ErrorCode } from "../../wire/errors.ts";
import { batchOf, fetchFrom, produceTo, type Producer } from "../gateway/batches.ts";
import { ProtocolClient } from "../gateway/protocol-client.ts";
import type { Random } from "../sim/kernel/random.ts";

/** As many as a producer with a producer id may have in flight. */
const IN_FLIGHT_MAX = 5;
/** ListOffsets' word for the log start. */
const EARLIEST = -2n;

interface Batch {
  readonly first: number;
  readonly count: number;
  readonly bytes: Uint8Array;
}

/** One life of a gateway, as its clients see it. */
export interface Life {
  /** Resolves when so many more batches were acknowledged, or the gateway is gone. */
  acknowledged(batches: number): Promise<void>;
  /** Nothing new is produced; resolves when all that was sent is acknowledged. */
  finish(): Promise<void>;
  /** Resolves when the clients have noticed that the gateway is gone. */
  readonly over: Promise<void>;
}

export class Load {
  readonly topic: string;
  readonly partition: number;
  /** Records that were acknowledged: all below this number. */
  acknowledged = 0;
  /** Offset that the reader wants next: all below it was read. */
  read = 0;
  private readonly random: Random;
  /** Retention takes records from the front: a reader that comes too late goes on where the log begins now. */
  private readonly isRetained: boolean;
  private producer: Producer | undefined;
  private next = 0;
  /** Sent or to be sent, in order, and not acknowledged. */
  private readonly open: Batch[] = [];

  constructor(topic: string, partition: number, random: Random, isRetained = false) {
    this.topic = topic;
    this.partition = partition;
    this.random = random;
    this.isRetained = isRetained;
  }

  /** Where the log begins; it never begins earlier again. */
  logStart = 0;

  async start(kafkaPort: number): Promise<Life> {
    const [client, reader] = [await ProtocolClient.tcp(kafkaPort), await ProtocolClient.tcp(kafkaPort)];
    if (this.producer === undefined) {
      const answer = await client.request(initProducerId, 4, {
        transactionalId: null,
        transactionTimeoutMs: 0,
      });
      this.producer = { id: answer.producerId, epoch: answer.producerEpoch, sequence: 0 };
    }
    const state = { isFinishing: false };
    const watchers = new Set<{ left: number; tell: () => void }>();
    const heard = (): void => {
      for (const watcher of watchers) if (--watcher.left <= 0) watcher.tell();
    };
    const producing = this.produce(client, state, heard);
    const reading = this.follow(reader, state);
    // The clients' own failures are told; that the connection ends is what this is about.
    const over = Promise.all([producing, reading]).then(async () => {
      await Promise.all([client.close(), reader.close()]);
    });
    return {
      over,
      acknowledged: (left) =>
        Promise.race([new Promise<void>((tell) => void watchers.add({ left, tell })), over]),
      async finish() {
        state.isFinishing = true;
        await over;
      },
    };
  }

  /** Every record is there once, in order, at the offset that was acknowledged or shown. Answers how many there are. */
  async check(kafkaPort: number): Promise<number> {
    const client = await ProtocolClient.tcp(kafkaPort);
    let at = await this.earliest(client);
    for (;;) {
      const { values, errorCode, highWatermark } = await this.fetch(client, at);
      if (this.isRetained && errorCode === ErrorCode.OFFSET_OUT_OF_RANGE) {
        at = await this.earliest(client);
        continue;
      }
      expect(errorCode).toBe(0);
      this.expectRecords(values, at);
      at += values.length;
      if (BigInt(at) === highWatermark) break;
      expect(values.length).toBeGreaterThan(0);
    }
    await client.close();
    expect(at).toBeGreaterThanOrEqual(this.acknowledged);
    expect(at).toBeGreaterThanOrEqual(this.read);
    expect(at).toBeLessThanOrEqual(this.next);
    return at;
  }

  private async produce(
    client: ProtocolClient,
    state: { isFinishing: boolean },
    heard: () => void,
  ): Promise<void> {
    const flying = new Set<Batch>();
    let failure: unknown;
    while (failure === undefined && !client.isClosed) {
      const batch =
        this.open.find((one) => !flying.has(one)) ?? (state.isFinishing ? undefined : this.seal());
      if (batch === undefined && flying.size === 0) return;
      if (batch !== undefined && flying.size < IN_FLIGHT_MAX) {
        flying.add(batch);
        this.send(client, batch)
          .catch((error: unknown) => (failure = client.isClosed ? undefined : error))
          .finally(() => {
            flying.delete(batch);
            heard();
            this.wake();
          });
      } else await new Promise<void>((resolve) => (this.wake = resolve));
    }
    if (failure !== undefined) throw failure as Error;
  }

  private wake: () => void = () => {};

  private async send(client: ProtocolClient, batch: Batch): Promise<void> {
    const { errorCode, baseOffset } = await produceTo(client, this.topic, batch.bytes, {
      partition: this.partition,
    });
    expect({ errorCode, baseOffset }).toEqual({ errorCode: 0, baseOffset: BigInt(batch.first) });
    expect(this.open.shift()).toBe(batch);
    this.acknowledged = batch.first + batch.count;
  }

  /** The next batch of the producer. */
  private seal(): Batch {
    const { producer, random, next: first } = this;
    if (producer === undefined) throw new Error("there is no producer id yet");
    const count = random.between(1, 6);
    const values = Array.from({ length: count }, (_, at) => valueOf(first + at));
    const batch = { first, count, bytes: batchOf(values, { ...producer, sequence: first }) };
    this.next += count;
    this.open.push(batch);
    return batch;
  }

  private async follow(client: ProtocolClient, state: { isFinishing: boolean }): Promise<void> {
    while (!client.isClosed) {
      const answer = await this.fetch(client, this.read).catch((error: unknown) => {
        if (!client.isClosed) throw error;
      });
      if (answer === undefined) return;
      if (this.isRetained && answer.errorCode === ErrorCode.OFFSET_OUT_OF_RANGE) {
        const start = await this.earliest(client).catch((error: unknown) => {
          if (!client.isClosed) throw error;
        });
        if (start === undefined) return;
        expect(start).toBeGreaterThan(this.read);
        this.read = start;
        continue;
      }
      expect(answer.errorCode).toBe(0);
      this.expectRecords(answer.values, this.read);
      this.read += answer.values.length;
      if (state.isFinishing && this.read === this.next) return;
    }
  }

  private fetch(client: ProtocolClient, from: number) {
    return fetchFrom(client, this.topic, BigInt(from), { partition: this.partition, maxWaitMs: 50 });
  }

  private async earliest(client: ProtocolClient): Promise<number> {
    const { partition, topic } = this;
    const { topics } = await client.request(listOffsets, 7, {
      replicaId: -1,
      isolationLevel: 0,
      topics: [{ name: topic, partitions: [{ partitionIndex: partition, timestamp: EARLIEST }] }],
    });
    const answer = topics[0]?.partitions[0];
    expect(answer?.errorCode).toBe(ErrorCode.NONE);
    const start = Number(answer?.offset);
    expect(start).toBeGreaterThanOrEqual(this.logStart);
    this.logStart = start;
    return start;
  }

  private expectRecords(values: readonly string[], from: number): void {
    expect(values).toEqual(values.map((_, at) => `${from + at} ${valueOf(from + at)}`));
  }
}

/** What record n holds. */
function valueOf(number: number): string {
  return `${number} ${"x".repeat((number * 7919) % 700)}`;
}
