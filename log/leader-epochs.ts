/**
 * Where each leader epoch begins in one partition, as Kafka keeps it in `leader-epoch-checkpoint`:
 *
 *     0                     version
 *     2                     number of entries
 *     0 0                   epoch, start offset
 *     3 1742
 *
 * Only epochs that have a batch stand in it. All of it can be read back from batch headers, so the file is written at a
 * roll and at a close, not for every epoch.
 */
import { ErrorCode, KafkaError } from "../wire/errors.ts";

export interface LeaderEpoch {
  readonly epoch: number;
  readonly startOffset: bigint;
}

export interface EpochEnd {
  epoch: number;
  endOffset: bigint;
}

const UNKNOWN: EpochEnd = { epoch: -1, endOffset: -1n };

export class LeaderEpochs {
  /** Epochs and start offsets both rise. */
  private entries: LeaderEpoch[];

  constructor(entries: readonly LeaderEpoch[] = []) {
    this.entries = [...entries];
  }

  /** The epoch of the last batch; -1 when there is none. */
  get last(): number {
    return this.entries.at(-1)?.epoch ?? -1;
  }

  /** All of them as they are now. */
  get all(): readonly LeaderEpoch[] {
    return [...this.entries];
  }

  /** A batch of `epoch` stands at `offset`, after all others. A batch without an epoch (-1) tells nothing. */
  note(epoch: number, offset: bigint): void {
    if (epoch > this.last) this.entries.push({ epoch, startOffset: offset });
  }

  /** The epoch that `offset` was written in; -1 when it is not known. */
  at(offset: bigint): number {
    return this.entries.findLast((entry) => entry.startOffset <= offset)?.epoch ?? -1;
  }

  /** Where `epoch` ends, by Kafka's rules for OffsetForLeaderEpoch; `logEnd` is where the last one does. */
  endOf(epoch: number, logEnd: bigint): EpochEnd {
    if (epoch < 0 || epoch > this.last) return UNKNOWN;
    if (epoch === this.last) return { epoch, endOffset: logEnd };
    const next = this.entries.find((entry) => entry.epoch > epoch);
    const floor = this.entries.findLast((entry) => entry.epoch <= epoch);
    if (next === undefined) return UNKNOWN;
    return { epoch: floor?.epoch ?? epoch, endOffset: next.startOffset };
  }

  /** Forgets what begins at or after `offset`. */
  truncateTo(offset: bigint): void {
    this.entries = this.entries.filter((entry) => entry.startOffset < offset);
  }

  /** The log begins at `offset` from now on: of the epochs before, only the one that reaches up to it is remembered, as in Kafka. */
  truncateBefore(offset: bigint): void {
    const reaching = this.entries.findLast((entry) => entry.startOffset <= offset);
    if (reaching === undefined) return;
    const later = this.entries.filter((entry) => entry.startOffset > offset);
    this.entries = [{ epoch: reaching.epoch, startOffset: offset }, ...later];
  }

  encode(): Uint8Array {
    const lines = this.entries.map(({ epoch, startOffset }) => `${epoch} ${startOffset}\n`);
    return new TextEncoder().encode(`0\n${lines.length}\n${lines.join("")}`);
  }

  /** Throws KafkaError KAFKA_STORAGE_ERROR for what is not such a file. */
  static decode(bytes: Uint8Array): LeaderEpochs {
    const [version, count, ...lines] = new TextDecoder().decode(bytes).trimEnd().split("\n");
    const entries = lines.map((line): LeaderEpoch => {
      const parts = /^(\d{1,10}) (\d{1,19})$/.exec(line);
      if (parts?.[1] === undefined || parts[2] === undefined) throw unreadable();
      return { epoch: Number(parts[1]), startOffset: BigInt(parts[2]) };
    });
    if (version !== "0" || count !== String(entries.length) || !rises(entries)) throw unreadable();
    return new LeaderEpochs(entries);
  }
}

function rises(entries: readonly LeaderEpoch[]): boolean {
  return entries.every((entry, at) => {
    const before = entries[at - 1];
    return before === undefined || (before.epoch < entry.epoch && before.startOffset <= entry.startOffset);
  });
}

function unreadable(): KafkaError {
  return new KafkaError(ErrorCode.KAFKA_STORAGE_ERROR, "this is not a leader-epoch-checkpoint of version 0");
}
