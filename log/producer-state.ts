/**
 * What makes a producer's batch stand in a partition once (KIP-98): of every producer id the epoch and the last batches.
 *
 * | what comes                                   | what it is                                              |
 * | -------------------------------------------- | ------------------------------------------------------- |
 * | no producer id                               | new                                                     |
 * | a producer id that is not known              | new, with any sequence, as in Kafka                     |
 * | an older epoch                               | INVALID_PRODUCER_EPOCH                                  |
 * | a newer epoch                                | new when its sequence is 0, else OUT_OF_ORDER_SEQUENCE  |
 * | first and last sequence of a remembered batch| a duplicate, answered with that batch's offsets         |
 * | the sequence after the last                  | new                                                     |
 * | any other sequence                           | OUT_OF_ORDER_SEQUENCE_NUMBER                            |
 */
import { ErrorCode, KafkaError } from "../wire/errors.ts";
import { PRODUCER_BATCHES_MAX, PRODUCERS_MAX } from "./limits.ts";
import type { ProducerBatch } from "./producer-snapshot.ts";

/** What is asked of a batch's header. */
export interface ProducerHeader {
  readonly producerId: bigint;
  readonly producerEpoch: number;
  readonly baseSequence: number;
  readonly lastOffsetDelta: number;
}

interface RememberedBatch {
  readonly lastSequence: number;
  readonly lastOffset: bigint;
  readonly offsetDelta: number;
  readonly timestamp: bigint;
}

/** Where the batch stands that was sent again. */
export interface RepeatedBatch {
  readonly baseOffset: bigint;
  readonly lastOffset: bigint;
  /** The greatest of its records, as they were stored: the time of their append, where the log sets it. */
  readonly timestamp: bigint;
}

interface Producer {
  epoch: number;
  /** Oldest first, at most PRODUCER_BATCHES_MAX, never empty. */
  batches: RememberedBatch[];
  /** When it was last heard of, by this node's clock. */
  heardMs: number;
}

export interface ProducerSummary {
  readonly producerId: bigint;
  readonly epoch: number;
  readonly lastSequence: number;
  /** The greatest of its last batch, in milliseconds since the epoch. */
  readonly lastTimestamp: bigint;
}

const SEQUENCES = 2 ** 31;

/** The sequence `steps` after `sequence`; they go from 0 to 2^31-1 and begin again. */
export function sequenceAfter(sequence: number, steps: number): number {
  return (((sequence + steps) % SEQUENCES) + SEQUENCES) % SEQUENCES;
}

export class ProducerState {
  /** The one that was silent longest comes first. */
  private readonly producers = new Map<bigint, Producer>();

  get size(): number {
    return this.producers.size;
  }

  /** What is remembered of each producer's last batch. */
  latest(): ProducerSummary[] {
    return [...this.producers].flatMap(([producerId, { epoch, batches }]) => {
      const last = batches.at(-1);
      if (last === undefined) return [];
      return [{ producerId, epoch, lastSequence: last.lastSequence, lastTimestamp: last.timestamp }];
    });
  }

  /** The remembered batch that this one repeats, or undefined when it is new. Throws KafkaError when it may not come now. */
  duplicateOf(header: ProducerHeader): RepeatedBatch | undefined {
    const producer = this.producers.get(header.producerId);
    if (header.producerId < 0n || producer === undefined) return undefined;
    if (header.producerEpoch < producer.epoch) throw oldEpoch(header, producer.epoch);
    if (header.producerEpoch > producer.epoch) {
      if (header.baseSequence !== 0) throw outOfOrder(header, 0);
      return undefined;
    }
    const lastSequence = sequenceAfter(header.baseSequence, header.lastOffsetDelta);
    const repeated = producer.batches.find(
      (batch) => batch.lastSequence === lastSequence && batch.offsetDelta === header.lastOffsetDelta,
    );
    if (repeated !== undefined) {
      return {
        baseOffset: repeated.lastOffset - BigInt(repeated.offsetDelta),
        lastOffset: repeated.lastOffset,
        timestamp: repeated.timestamp,
      };
    }
    const expected = sequenceAfter(producer.batches.at(-1)?.lastSequence ?? -1, 1);
    if (header.baseSequence !== expected) throw outOfOrder(header, expected);
    return undefined;
  }

  /** Remembers a batch that stands in the log now, after all others. */
  note(header: ProducerHeader, lastOffset: bigint, timestamp: bigint, nowMs: number): void {
    if (header.producerId < 0n) return;
    this.remember(
      {
        producerId: header.producerId,
        epoch: header.producerEpoch,
        lastSequence: sequenceAfter(header.baseSequence, header.lastOffsetDelta),
        lastOffset,
        offsetDelta: header.lastOffsetDelta,
        timestamp,
      },
      nowMs,
    );
  }

  /** Forgets producers that were silent for `expirationMs`. */
  expire(nowMs: number, expirationMs: number): void {
    for (const [id, producer] of this.producers) {
      if (nowMs - producer.heardMs < expirationMs) return;
      this.producers.delete(id);
    }
  }

  /** Everything remembered, as a snapshot holds it. */
  batches(): ProducerBatch[] {
    return [...this.producers].flatMap(([producerId, { epoch, batches }]) =>
      batches.map((batch) => ({ producerId, epoch, ...batch })),
    );
  }

  /** A state with what a snapshot held. */
  static of(batches: readonly ProducerBatch[], nowMs: number): ProducerState {
    const state = new ProducerState();
    for (const batch of batches) state.remember(batch, nowMs);
    return state;
  }

  private remember({ producerId, epoch, ...batch }: ProducerBatch, nowMs: number): void {
    const known = this.producers.get(producerId);
    const batches = known?.epoch === epoch ? known.batches : [];
    batches.push(batch);
    if (batches.length > PRODUCER_BATCHES_MAX) batches.shift();
    this.producers.delete(producerId);
    this.producers.set(producerId, { epoch, batches, heardMs: nowMs });
    if (this.producers.size > PRODUCERS_MAX) this.forgetSilentest();
  }

  private forgetSilentest(): void {
    const [silentest] = this.producers.keys();
    if (silentest !== undefined) this.producers.delete(silentest);
  }
}

function oldEpoch(header: ProducerHeader, epoch: number): KafkaError {
  return new KafkaError(
    ErrorCode.INVALID_PRODUCER_EPOCH,
    `producer ${header.producerId} sent epoch ${header.producerEpoch}, but epoch ${epoch} of it has written here: ` +
      `another instance took over, so this one must stop`,
  );
}

function outOfOrder(header: ProducerHeader, expected: number): KafkaError {
  return new KafkaError(
    ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER,
    `producer ${header.producerId} epoch ${header.producerEpoch} sent sequence ${header.baseSequence}, expected ${expected}: ` +
      `send the batches that are missing first`,
  );
}
