/**
 * Where a log keeps its bytes: files on a disk, chunks in IndexedDB, or memory.
 *
 * Names are relative paths with `/` as separator (`orders-0/00000000000000000000.log`). All implementations pass the
 * suite in `test/log/store-contract.ts`. Any call may fail with the host's own error; the caller fences what it wrote to.
 */
export interface Store {
  /** Names of all files that start with `prefix`, sorted by code point. */
  list(prefix: string): Promise<string[]>;
  /** Opens a file for appending and reading, and creates it when it is not there. */
  open(name: string): Promise<StoreFile>;
  /** A whole small file, or undefined when there is none. */
  read(name: string): Promise<Uint8Array | undefined>;
  /** Replaces a whole small file in one step: after a crash it is the old one or the new one. Durable when resolved. */
  write(name: string, bytes: Uint8Array): Promise<void>;
  /**
   * Writes a whole small file that nobody depends on. After a crash of the process it may be there in part, after a loss of power
   * there is no telling. Where a store does not have it, `write` serves.
   */
  writeLazily?(name: string, bytes: Uint8Array): Promise<void>;
  /**
   * Gives a file, which has been synced, another name, in place of the one that has it, in one step: after a crash it has the
   * old name or the new one. Durable when resolved. Open handles to both become invalid.
   */
  rename(from: string, to: string): Promise<void>;
  /** Deletes files; those that are not there are ignored. Durable when resolved. Open handles to them become invalid. */
  delete(names: readonly string[]): Promise<void>;
  /** The same, of files that harm nobody when they come back after a loss of power. Where a store does not have it, `delete` serves. */
  deleteLazily?(names: readonly string[]): Promise<void>;
  /**
   * Takes back the bytes, or a part of them, that a `read` of a file gave, and at which nobody looks any more: another read
   * may fill them. Nobody has to give back anything.
   */
  giveBack?(bytes: Uint8Array): void;
  close(): Promise<void>;
}

/** One append-only file. Its calls may overlap: appends land in call order, a read sees every append that has resolved. */
export interface StoreFile {
  readonly name: string;
  /** Bytes appended so far, those still on their way included. */
  readonly size: number;
  /** Adds the pieces at the end, in order, as one write. Resolved: survives a crash of the process. */
  append(pieces: readonly Uint8Array[]): Promise<void>;
  /** Fresh bytes from `position`; fewer than `length` at the end of the file, none beyond it. */
  read(position: number, length: number): Promise<Uint8Array>;
  /** Cuts the file to `size` bytes, which is not more than it has. */
  truncate(size: number): Promise<void>;
  /** Resolved: everything whose append resolved before the call survives power loss, the file's existence included. */
  sync(): Promise<void>;
  close(): Promise<void>;
}
