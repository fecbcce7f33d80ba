/**
 * Writes the end of a log once more, so that it is on the disk for certain.
 *
 * After a failed sync a kernel may hold pages that are marked as clean and are not on the disk. A node that is started again
 * reads them, syncs, is told that all is well, and loses them when the power goes. Nothing tells such pages from others, so
 * after an unclean stop all that was not noted as synced is taken for such: it is copied to `tail-copy`, cut off, and written
 * anew. A crash may come at any moment, and what is cut off may have been acknowledged:
 *
 * | step                            | after a crash here                                             |
 * | ------------------------------- | -------------------------------------------------------------- |
 * | write and sync `tail-copy`      | the log is as it was; the copy is begun again                  |
 * | write `tail-copy-checkpoint`    | either of the two                                              |
 * | cut the log, append, sync       | the checkpoint says what to cut and to append, once more       |
 * | set the synced end, durably     | the log is whole and synced, and the checkpoint has no say     |
 * | delete the checkpoint, the copy | the same, even where a deletion is undone                      |
 *
 * The checkpoint, 36 bytes, big-endian: int64 base offset of the segment, int64 position of the cut, int64 bytes of the copy,
 * int64 offset after its last batch, uint32 CRC32C of those.
 */
import { ErrorCode, KafkaError } from "../wire/errors.ts";
import type { Engine } from "./engine.ts";
import { SCAN_PIECE_BYTES } from "./limits.ts";
import { segmentFile, tailCheckpointFile, tailCopyFile } from "./partition-files.ts";
import type { Store, StoreFile } from "./store.ts";
import type { SyncedEnd } from "./synced-ends.ts";

/** A partition's files, and what reads them. */
export interface TailHost {
  store: Store;
  engine: Engine;
  /** `<topic>-<partition>`. */
  directory: string;
  syncedEnd: SyncedEnd;
}

/** The end of a segment. */
export interface Tail {
  /** Offset that the segment begins with. */
  base: bigint;
  /** Where the tail begins in the segment, and how long it is. */
  position: number;
  bytes: number;
  /** The offset after its last batch. */
  endOffset: bigint;
}

const CHECKPOINT_BYTES = 36;
const CRC_AT = 32;

/** Writes the tail of `file` anew, and cuts what follows. What it holds is synced, and noted as synced, when resolved. */
export async function rewriteTail(host: TailHost, file: StoreFile, tail: Tail): Promise<void> {
  const { store, directory } = host;
  const { position, bytes } = tail;
  // What an earlier attempt has left may hold such pages itself.
  await store.delete([tailCopyFile(directory)]);
  const copy = await store.open(tailCopyFile(directory));
  await transfer(file, copy, position, position + bytes);
  await copy.sync();
  await replay(host, file, copy, tail);
}

/**
 * Ends a rewriting that a crash has cut short. Throws KafkaError KAFKA_STORAGE_ERROR when its files are damaged; then nothing
 * was changed.
 */
export async function finishRewrite(host: TailHost): Promise<void> {
  const { store, engine, directory, syncedEnd } = host;
  const stored = await store.read(tailCheckpointFile(directory));
  if (stored === undefined) return;
  const tail = decode(engine, stored);
  if (tail === undefined) throw damaged(tailCheckpointFile(directory));
  if (tail.endOffset <= syncedEnd.offset) return forget(host);
  const names = await store.list(`${directory}/`);
  const [name, copyName] = [segmentFile(directory, tail.base, "log"), tailCopyFile(directory)];
  // A segment of which nothing was noted as synced may have gone whole when the power did.
  const needed = tail.position > 0 ? [name, copyName] : [copyName];
  for (const each of needed) if (!names.includes(each)) throw damaged(each);
  const [file, copy] = [await store.open(name), await store.open(copyName)];
  if (file.size < tail.position || copy.size !== tail.bytes)
    throw damaged(copy.size === tail.bytes ? name : copyName);
  await replay(host, file, copy, tail);
  await file.close();
}

async function replay(host: TailHost, file: StoreFile, copy: StoreFile, tail: Tail): Promise<void> {
  const { store, engine, directory, syncedEnd } = host;
  // Anew each time: that it can be read does not say that it is on the disk.
  await store.write(tailCheckpointFile(directory), encode(engine, tail));
  await file.truncate(tail.position);
  await transfer(copy, file, 0, tail.bytes);
  await file.sync();
  await syncedEnd.set(tail.endOffset);
  await copy.close();
  await forget(host);
}

async function forget({ store, directory }: TailHost): Promise<void> {
  await store.delete([tailCheckpointFile(directory)]);
  await store.delete([tailCopyFile(directory)]);
}

async function transfer(from: StoreFile, to: StoreFile, start: number, end: number): Promise<void> {
  for (let position = start; position < end;) {
    const piece = await from.read(position, Math.min(SCAN_PIECE_BYTES, end - position));
    if (piece.length === 0) throw damaged(from.name);
    await to.append([piece]);
    position += piece.length;
  }
}

function encode(engine: Engine, { base, position, bytes, endOffset }: Tail): Uint8Array {
  const stored = new Uint8Array(CHECKPOINT_BYTES);
  const view = new DataView(stored.buffer);
  view.setBigInt64(0, base);
  view.setBigInt64(8, BigInt(position));
  view.setBigInt64(16, BigInt(bytes));
  view.setBigInt64(24, endOffset);
  view.setUint32(CRC_AT, engine.crc32c(stored.subarray(0, CRC_AT)));
  return stored;
}

function decode(engine: Engine, stored: Uint8Array): Tail | undefined {
  const view = new DataView(stored.buffer, stored.byteOffset, stored.byteLength);
  if (stored.length !== CHECKPOINT_BYTES) return undefined;
  if (view.getUint32(CRC_AT) !== engine.crc32c(stored.subarray(0, CRC_AT))) return undefined;
  return {
    base: view.getBigInt64(0),
    position: Number(view.getBigInt64(8)),
    bytes: Number(view.getBigInt64(16)),
    endOffset: view.getBigInt64(24),
  };
}

function damaged(file: string): KafkaError {
  const directory = file.slice(0, file.lastIndexOf("/"));
  return new KafkaError(
    ErrorCode.KAFKA_STORAGE_ERROR,
    `${file} is damaged, and so is the end of the log, which was being written anew with it. Nothing was changed. Restore ` +
      `${directory} from a replica or a backup; or, to give up the last moments before the crash, delete ` +
      `${tailCheckpointFile(directory)}`,
  );
}
