/** Stands in for a segment's file of which nobody knows what it is, until the node starts again: every call says why. */
import type { KafkaError } from "../wire/errors.ts";
import type { StoreFile } from "./store.ts";

export class UnreadableFile implements StoreFile {
  readonly name: string;
  readonly size: number;
  private readonly why: KafkaError;

  constructor(name: string, size: number, why: KafkaError) {
    this.name = name;
    this.size = size;
    this.why = why;
  }

  append(): Promise<void> {
    return Promise.reject(this.why);
  }

  read(): Promise<Uint8Array> {
    return Promise.reject(this.why);
  }

  truncate(): Promise<void> {
    return Promise.reject(this.why);
  }

  sync(): Promise<void> {
    return Promise.reject(this.why);
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}
