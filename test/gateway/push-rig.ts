/** A partition and sockets as the push hub sees them, driven by hand: no network, no disk, every stall on purpose. */
import { PushHub } from "../../gateway/api/push-hub.ts";
import type { FollowedLog } from "../../gateway/api/push-frame.ts";
import type { PushSocket, Subscriber } from "../../gateway/api/subscriber.ts";
import { BatchHeader } from "../../log/batch.ts";
import type { TopicsChange } from "../../log/cluster.ts";
import type { Clock } from "../../log/clock.ts";
import { silent } from "../../log/logger.ts";
import { ErrorCode, KafkaError } from "../../wire/errors.ts";
import { decodePush, type PushFrame } from "../../wire/push.ts";
import { loadEngine } from "../engine/load.ts";

const engine = loadEngine();

type Advance = Parameters<Parameters<FollowedLog["onAdvance"]>[0]>[0];

/** A log that is nothing but its batches, with real bytes. */
export class RigLog implements FollowedLog {
  readonly topic = "rig";
  readonly topicId: string;
  readonly partition: number;
  leaderEpoch = 0;
  logStartOffset = 0n;
  highWatermark = 0n;
  reads = 0;
  failWith: Error | undefined;
  private readonly batches: { from: bigint; to: bigint; bytes: Uint8Array }[] = [];
  private readonly listeners = new Set<(advance: Advance) => void>();
  private readonly fenceListeners = new Set<() => void>();
  fenced: KafkaError | undefined;

  constructor(topicId = "AAAAAAAAAAAAAAAAAAAAAQ", partition = 0) {
    this.topicId = topicId;
    this.partition = partition;
  }

  /** Adds batches of so many records each, about `bytes` large, and moves the high watermark over all of them at once. */
  append(recordCounts: readonly number[], bytes = 100): void {
    const from = this.highWatermark;
    const pieces: Uint8Array[] = [];
    for (const count of recordCounts) {
      const value = new Uint8Array(Math.ceil(bytes / count));
      const records = Array.from({ length: count }, () => ({ key: null, value, timestamp: 1 }));
      const batch = engine.writeBatch(records, {
        codec: 0,
        producerId: -1n,
        producerEpoch: -1,
        baseSequence: -1,
        bytesMax: 2 ** 24,
      });
      new BatchHeader(batch).stamp(this.highWatermark, 0);
      const to = this.highWatermark + BigInt(count);
      this.batches.push({ from: this.highWatermark, to, bytes: batch });
      this.highWatermark = to;
      pieces.push(batch);
    }
    for (const listener of this.listeners) listener({ from, to: this.highWatermark, pieces });
  }

  /** Retention: everything below `offset` is gone. */
  trim(offset: bigint): void {
    this.logStartOffset = offset;
    while (this.batches[0] !== undefined && this.batches[0].to <= offset) this.batches.shift();
  }

  async read(offset: bigint, bytesMax: number): Promise<{ bytes: Uint8Array; from: bigint; to: bigint }> {
    this.reads++;
    await new Promise<void>((resolve) => setImmediate(resolve));
    if (this.failWith !== undefined) throw this.failWith;
    if (offset < this.logStartOffset || offset > this.highWatermark) {
      throw new KafkaError(ErrorCode.OFFSET_OUT_OF_RANGE, `offset ${offset}`);
    }
    const taken: Uint8Array[] = [];
    let bytes = 0;
    let to = offset;
    for (const batch of this.batches) {
      if (batch.to <= offset) continue;
      if (taken.length > 0 && bytes + batch.bytes.byteLength > bytesMax) break;
      taken.push(batch.bytes);
      bytes += batch.bytes.byteLength;
      to = batch.to;
    }
    return { bytes: Buffer.concat(taken), from: offset, to };
  }

  onAdvance(listener: (advance: Advance) => void): () => void {
    this.listeners.add(listener);
    return () => void this.listeners.delete(listener);
  }

  onFenced(listener: () => void): () => void {
    this.fenceListeners.add(listener);
    return () => void this.fenceListeners.delete(listener);
  }

  /** A write has failed. */
  fence(): void {
    this.fenced = new KafkaError(ErrorCode.KAFKA_STORAGE_ERROR, "the disk is broken");
    for (const listener of this.fenceListeners) listener();
  }

  get followed(): boolean {
    return this.listeners.size + this.fenceListeners.size > 0;
  }
}

/** A socket with a kernel buffer: what does not fit stays buffered until the client reads. */
export class RigSocket implements PushSocket {
  readonly frames: PushFrame[] = [];
  buffered = 0;
  mostBuffered = 0;
  corks = 0;
  stalled = false;
  closed = false;
  subscriber: Subscriber | undefined;

  cork(send: () => void): void {
    this.corks++;
    send();
  }

  send(message: Uint8Array): void {
    if (this.closed) throw new Error("a socket that is gone was touched");
    this.frames.push(decodePush(Uint8Array.from(message)));
    if (this.stalled) this.buffered += message.byteLength;
    this.mostBuffered = Math.max(this.mostBuffered, this.buffered);
  }

  bufferedBytes(): number {
    if (this.closed) throw new Error("a socket that is gone was asked");
    return this.buffered;
  }

  /** The client reads again, and the kernel says so. */
  drain(): void {
    this.stalled = false;
    this.buffered = 0;
    this.subscriber?.drained();
  }

  /** Where the frames of a partition end; throws when they do not join on from `start`, or tell the same twice. */
  followed(start: bigint, partition = 0): bigint {
    let next = start;
    for (const frame of this.frames.filter((each) => each.partition === partition)) {
      if (frame.from !== next) throw new Error(`frames do not join: ${frame.from} after ${next}`);
      if (frame.errorCode === ErrorCode.NONE && offsetsOf(frame.records).at(-1) !== frame.to - 1n) {
        throw new Error(`a frame up to ${frame.to} whose records end at ${offsetsOf(frame.records).at(-1)}`);
      }
      next = frame.to;
    }
    return next;
  }
}

/** Last offsets of the batches. */
export function offsetsOf(records: Uint8Array): bigint[] {
  const offsets: bigint[] = [];
  for (let at = 0; at < records.byteLength;) {
    const header = new BatchHeader(records, at);
    offsets.push(header.lastOffset);
    at += header.bytes;
  }
  return offsets;
}

export const clock: Clock = {
  now: () => 0,
  setTimer: () => () => {},
  defer: (callback) => void setImmediate(callback),
};

export interface Rig {
  newLog: (partition?: number) => RigLog;
  newSocket: () => RigSocket;
  deleteTopic: (log: RigLog) => void;
  /** Lets everything that is due happen: ten turns of the event loop do for what is not waiting for a socket. */
  settle: (turns?: number) => Promise<void>;
}

/** A hub with the logs and sockets that the test makes. */
export function rig(): Rig {
  const known = new Set<string>();
  const listeners = new Set<(change: TopicsChange) => void>();
  const hub = new PushHub({
    cluster: {
      topicById: ((id: string) => (known.has(id) ? {} : undefined)) as never,
      onTopicsChanged: (listener) => {
        listeners.add(listener);
        return () => void listeners.delete(listener);
      },
    },
    clock,
    log: silent,
  });
  return {
    newLog: (partition = 0) => {
      const log = new RigLog(undefined, partition);
      known.add(log.topicId);
      return log;
    },
    deleteTopic: (log) => {
      known.delete(log.topicId);
      for (const listener of listeners) listener({ kind: "deleted", topic: log as never });
    },
    newSocket: () => {
      const socket = new RigSocket();
      socket.subscriber = hub.subscriber(socket);
      return socket;
    },
    settle: async (turns = 10) => {
      for (let turn = 0; turn < turns; turn++) await new Promise<void>((resolve) => setImmediate(resolve));
    },
  };
}
