/** Whether a partition may be read and written to, and why not: deleted, closed, fenced by a failed write, or being cut back. */
import { ErrorCode, KafkaError } from "../wire/errors.ts";
import { Listeners } from "./listeners.ts";
import type { Logger } from "./logger.ts";

export class Standing {
  private readonly directory: string;
  private readonly log: Logger;
  private readonly fences: Listeners<void>;
  private failure: KafkaError | undefined;
  private isClosed = false;
  private isDeleted = false;
  private isChanging = false;

  constructor(directory: string, log: Logger) {
    this.directory = directory;
    this.log = log;
    this.fences = new Listeners(directory, log);
  }

  /** Why nothing can be written any more; undefined while it can. */
  get failed(): KafkaError | undefined {
    return this.failure;
  }
  /** Whether it is neither closed nor deleted. */
  get isOpen(): boolean {
    return !this.isClosed && !this.isDeleted;
  }
  /** Whether it can be written to, by a leader or a follower, now or when its history has changed. */
  get isWritable(): boolean {
    return this.failure === undefined && this.isOpen;
  }

  /** Throws KafkaError UNKNOWN_TOPIC_OR_PARTITION, KAFKA_STORAGE_ERROR. */
  checkReadable(): void {
    if (this.isDeleted) throw this.goneError();
    if (this.isClosed) throw new KafkaError(ErrorCode.KAFKA_STORAGE_ERROR, `${this.directory} is closed`);
  }

  /** Throws as `checkReadable`, what has fenced the partition, and INVALID_REQUEST while its history changes. */
  checkWritable(): void {
    this.checkReadable();
    if (this.failure !== undefined) throw this.failure;
    if (this.isChanging) {
      throw new KafkaError(
        ErrorCode.INVALID_REQUEST,
        `${this.directory} is being cut back: wait for that first`,
      );
    }
  }

  /** Hears, once, that the partition was fenced. Answers how to stop. */
  onFenced(listener: () => void): () => void {
    return this.fences.add(listener);
  }

  /** A write or sync has failed: nothing is written any more. Answers why; the first failure counts. */
  fence(cause: Error, highWatermark: bigint): KafkaError {
    if (this.isDeleted) this.failure = this.goneError();
    if (this.failure !== undefined) return this.failure;
    this.failure = new KafkaError(
      ErrorCode.KAFKA_STORAGE_ERROR,
      `${this.directory} takes no more records after a failed write or sync (${cause.message}): free or repair the disk, ` +
        `then restart the node`,
      { cause },
    );
    this.log.error(this.failure.message, { partition: this.directory, highWatermark });
    this.fences.tell();
    return this.failure;
  }

  close(): void {
    this.isClosed = true;
  }

  /** Answers what those are told who still wait. */
  delete(): KafkaError {
    this.isDeleted = true;
    return this.goneError();
  }

  /** Nobody else writes while the history changes. */
  async whileChanging(change: () => Promise<void>): Promise<void> {
    this.isChanging = true;
    try {
      await change();
    } finally {
      this.isChanging = false;
    }
  }

  private goneError(): KafkaError {
    return new KafkaError(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, `${this.directory} was deleted`);
  }
}
