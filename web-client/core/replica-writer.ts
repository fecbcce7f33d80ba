/** The partition of a replica that this tab writes: its log, what follows the gateway's, and what looks after it. */
import type { Engine } from "../../log/engine.ts";
import { compactedEndFile } from "../../log/partition-files.ts";
import { PartitionLog } from "../../log/partition-log.ts";
import { Follower } from "../../sync/follower.ts";
import type { FollowerOptions } from "../../sync/follower.ts";
import { aborted, deferred } from "../../sync/wait.ts";
import { KafkaError } from "../../wire/errors.ts";
import type { HeldRange } from "./device.ts";
import type { ReadableStore } from "./directory-store.ts";
import { UNCOMPRESSED_BYTES_MAX } from "./limits.ts";
import type { ReplicaTopic } from "./replica-topic.ts";
import { ReplicaUpkeep } from "./replica-upkeep.ts";
import { isPassing } from "./store-failure.ts";

export interface ReplicaWriterOptions extends Pick<FollowerOptions, "upstream" | "metadata" | "history"> {
  readonly store: ReadableStore;
  readonly engine: Engine;
  readonly topic: string;
  readonly topicId: string;
  readonly partition: number;
  /** `<topic>-<partition>`. */
  readonly directory: string;
  readonly shared: ReplicaTopic;
  /** What was held when this tab last knew; undefined: it does not. */
  readonly expected: HeldRange | undefined;
  readonly onChange: () => void;
  readonly onGap: (from: bigint, to: bigint) => void;
  /** What was held from `end` on is gone, or is others now. */
  readonly onCut: (end: bigint) => void;
  readonly onRebuild: (reason: string) => void;
}

/** All that was open is gone with the store, and what was in it perhaps. */
export class StoreLost extends Error {}

export class ReplicaWriter {
  readonly log: PartitionLog;
  readonly follower: Follower;
  /** Why what an earlier visit has left is not used; undefined: it is. */
  readonly recovered: string | undefined;
  private readonly upkeep: ReplicaUpkeep;
  private readonly lost = deferred<StoreLost>();
  private readonly stopHearing: () => void;

  /** Opens what is held, and goes on. Rejects with what the store fails with. */
  static async open(options: ReplicaWriterOptions): Promise<ReplicaWriter> {
    const { log, recovered } = await openLog(options);
    const { expected } = options;
    const isGone = log.sizeBytes === 0 && expected !== undefined && expected.bytes > 0;
    const why = recovered ?? (isGone ? goneText(expected) : undefined);
    const compactedEnd = await options.store.read(compactedEndFile(options.directory));
    return new ReplicaWriter(options, log, why, compactedEnd !== undefined);
  }

  private constructor(
    options: ReplicaWriterOptions,
    log: PartitionLog,
    recovered: string | undefined,
    wasCompacted: boolean,
  ) {
    const { shared, upstream, metadata, history, onChange, onGap, onCut, onRebuild } = options;
    this.log = log;
    this.recovered = recovered;
    this.stopHearing = options.store.onLost((reason) => this.lost.resolve(new StoreLost(reason)));
    const upkeep = new ReplicaUpkeep({
      ...options,
      log,
      topic: shared,
      onSkipped: onGap,
      onRebuild: (reason) => {
        onCut(0n);
        onRebuild(reason);
      },
    });
    this.upkeep = upkeep;
    log.onAdvance(() => {
      upkeep.wake();
      onChange();
    });
    log.onStartMoved(onChange);
    this.follower = new Follower({
      upstream,
      metadata,
      history,
      log,
      prepare: (connection) => upkeep.prepare(connection),
      isCompacted: () => wasCompacted || shared.cleanup?.compacts === true,
      onGap,
      onCut,
      onChange,
    });
  }

  get reason(): string | undefined {
    return this.follower.reason ?? this.upkeep.reason ?? this.recovered;
  }

  /** It follows no more, and will again when the log is opened anew. */
  get isHealing(): boolean {
    return this.follower.state === "failed" && isPassing(this.follower.failure);
  }

  /** More or less is to be kept from now on. */
  wake(): void {
    this.upkeep.wake();
  }

  /**
   * Resolves when the signal aborts, or with what the store has failed with. What will never get better stays as it is, to be
   * read.
   */
  async done(signal: AbortSignal): Promise<unknown> {
    const over = aborted(signal);
    const failed = this.follower.ended.then(() => (this.isHealing ? this.follower.failure : over));
    return Promise.race([over, failed, this.lost.promise]);
  }

  /** Resolves when nothing is being written any more; the log can still be read. */
  async stop(): Promise<void> {
    await this.follower.stop();
    await this.upkeep.stop();
  }

  async close(): Promise<void> {
    this.stopHearing();
    // What cannot be closed in order is recovered when it is opened again.
    await this.log.close().catch(() => undefined);
  }
}

function goneText({ from, to }: HeldRange): string {
  return `what this device held (offsets ${from} to ${to - 1n}) is gone, thrown away by the browser or lost with the power: it is fetched anew`;
}

/** A replica that is damaged is not repaired: the upstream has it all. */
async function openLog({
  store,
  engine,
  topic,
  topicId,
  partition,
  directory,
  shared,
}: ReplicaWriterOptions): Promise<{ log: PartitionLog; recovered: string | undefined }> {
  const { clock, config } = shared;
  const uncompressedBytesMax = UNCOMPRESSED_BYTES_MAX;
  const options = {
    store,
    engine,
    clock,
    topic,
    topicId,
    partition,
    config,
    uncompressedBytesMax,
    clean: false,
  };
  try {
    return { log: await PartitionLog.open(options), recovered: undefined };
  } catch (error) {
    if (!(error instanceof KafkaError)) throw error;
    await store.delete(await store.list(`${directory}/`));
    const recovered = `what this device held was damaged, and is fetched anew: ${error.message}`;
    return { log: await PartitionLog.open(options), recovered };
  }
}
