/** The partitions that a member of a group reads, as one stream that partitions join and leave while it goes on. */
import type { LogRecord } from "../../../log/record.ts";
import { partitionKey } from "../../../sync/group/group-member.ts";
import type { TopicIdPartition } from "../../../sync/group/group-member.ts";
import type { GroupTopicPartition, OffsetToCommit } from "../../../sync/group/group-offsets.ts";
import { Bell, deferred, linkedController } from "../../../sync/wait.ts";
import type { Deferred } from "../../../sync/wait.ts";
import { ErrorCode, KafkaError } from "../../../wire/errors.ts";

interface Reader {
  readonly where: GroupTopicPartition;
  readonly controller: AbortController;
  /** The next record after those that the app is done with; undefined: it is done with none, and began with no offset. */
  done: bigint | undefined;
  /** The next record after those that the app was given. */
  given: bigint | undefined;
  /** What the group knows. */
  committed: bigint | undefined;
}

interface Batch {
  readonly reader: Reader;
  readonly records: readonly LogRecord[];
  at: number;
  readonly taken: Deferred<void>;
}

export interface GivenRecord {
  readonly where: GroupTopicPartition;
  readonly record: LogRecord;
}

/** Reads one partition in batches, until the signal aborts. */
export type OpenPartition = (
  where: GroupTopicPartition,
  from: bigint,
  signal: AbortSignal,
) => AsyncIterable<readonly LogRecord[]>;

export class GroupReading {
  private readonly openPartition: OpenPartition;
  private readonly controller = new AbortController();
  private readonly readers = new Map<string, Reader>();
  private readonly batches: Batch[] = [];
  /** Whose record the app is at. */
  private inHand: { readonly reader: Reader; readonly offset: bigint } | undefined;
  private failure: { readonly error: unknown } | undefined;
  private readonly bell = new Bell();

  constructor(openPartition: OpenPartition) {
    this.openPartition = openPartition;
  }

  get partitions(): readonly GroupTopicPartition[] {
    return Array.from(this.readers.values(), ({ where }) => where);
  }

  /** Begins with a partition, at an offset or a place. `known`: what the group has committed, where that is where it begins. */
  open(where: GroupTopicPartition, from: bigint, known: bigint | undefined): void {
    const reader: Reader = {
      where,
      controller: linkedController(this.controller.signal),
      done: from < 0n ? undefined : from,
      given: from < 0n ? undefined : from,
      committed: known,
    };
    this.readers.set(partitionKey(where), reader);
    void this.read(reader, from);
  }

  /** Gives nothing more of these; where the app is in them stays known. */
  hold(partitions: readonly TopicIdPartition[]): void {
    for (const partition of partitions) this.readers.get(partitionKey(partition))?.controller.abort();
  }

  /** Forgets these, and what was read ahead of them. */
  drop(partitions: readonly TopicIdPartition[]): void {
    this.hold(partitions);
    for (const partition of partitions) this.readers.delete(partitionKey(partition));
    this.bell.ring();
  }

  /** Resolves when the app is at no record of these, or when the signal aborts. */
  async untilFree(partitions: readonly TopicIdPartition[], signal: AbortSignal): Promise<void> {
    const keys = new Set(partitions.map(partitionKey));
    const ring = (): void => this.bell.ring();
    signal.addEventListener("abort", ring, { once: true });
    try {
      for (;;) {
        const change = this.bell.next();
        const { inHand } = this;
        if (signal.aborted || inHand === undefined || !keys.has(partitionKey(inHand.reader.where))) return;
        await change;
      }
    } finally {
      signal.removeEventListener("abort", ring);
    }
  }

  /** The app is done with the record that it was given last. */
  takeBack(): void {
    if (this.inHand === undefined) return;
    const { reader, offset } = this.inHand;
    reader.done = offset + 1n;
    this.inHand = undefined;
    this.bell.ring();
  }

  /** The app is done with everything below these offsets, whatever it is at. */
  doneBelow(offsets: readonly OffsetToCommit[]): void {
    for (const { offset, ...where } of offsets) {
      const reader = this.readers.get(partitionKey(where));
      if (reader !== undefined && (reader.done === undefined || reader.done < offset)) reader.done = offset;
    }
  }

  /** The next record of those partitions that there are by then; undefined when it has ended. Throws what has failed. */
  async next(): Promise<GivenRecord | undefined> {
    for (;;) {
      const change = this.bell.next();
      if (this.failure !== undefined) throw this.failure.error;
      if (this.controller.signal.aborted) return undefined;
      const given = this.give();
      if (given !== undefined) return given;
      await change;
    }
  }

  /** Where the app is in these partitions, in so far as the group does not know it: with what it is at, or without. */
  uncommitted(
    partitions: readonly TopicIdPartition[],
    { withInHand }: { withInHand: boolean },
  ): OffsetToCommit[] {
    return partitions.flatMap((partition) => {
      const reader = this.readers.get(partitionKey(partition));
      const offset = withInHand ? reader?.given : reader?.done;
      if (reader === undefined || offset === undefined || offset === reader.committed) return [];
      return [{ ...reader.where, offset }];
    });
  }

  /** The group knows this now. */
  committed({ offset, ...where }: OffsetToCommit): void {
    const reader = this.readers.get(partitionKey(where));
    if (reader !== undefined) reader.committed = offset;
  }

  fail(error: unknown): void {
    this.failure ??= { error };
    this.bell.ring();
  }

  /** Ends it; where the app was stays known. */
  end(): void {
    this.controller.abort();
    this.bell.ring();
  }

  private give(): GivenRecord | undefined {
    for (;;) {
      const [batch] = this.batches;
      if (batch === undefined) return undefined;
      const { reader, records } = batch;
      const record = reader.controller.signal.aborted ? undefined : records[batch.at++];
      if (record === undefined) {
        this.batches.shift();
        batch.taken.resolve();
        continue;
      }
      this.inHand = { reader, offset: record.offset };
      reader.given = record.offset + 1n;
      return { where: reader.where, record };
    }
  }

  /** One batch ahead of the app: the log is the buffer. */
  private async read(reader: Reader, from: bigint): Promise<void> {
    const { where, controller } = reader;
    let batch: Batch | undefined;
    controller.signal.addEventListener("abort", () => batch?.taken.resolve(), { once: true });
    try {
      for await (const records of this.openPartition(where, from, controller.signal)) {
        if (controller.signal.aborted) return;
        batch = { reader, records, at: 0, taken: deferred<void>() };
        this.batches.push(batch);
        this.bell.ring();
        await batch.taken.promise;
      }
    } catch (error) {
      // Of a topic that is gone there is nothing to read, until the group takes it away.
      const isGone = error instanceof KafkaError && error.code === ErrorCode.UNKNOWN_TOPIC_ID;
      if (!controller.signal.aborted && !isGone) this.fail(error);
    }
  }
}
