/** Somebody who wants old records gone: moves the starts of logs by DeleteRecords. */
import { deleteRecords } from "../../../wire/apis/delete-records.ts";
import { ErrorCode, errorName } from "../../../wire/errors.ts";
import type { Random } from "../kernel/random.ts";
import type { Actor, FinalState, Run } from "../workload.ts";
import { EARLIEST, KafkaClient, LATEST, offsetAt, topicNamed } from "./kafka-client.ts";
import type { KafkaConnection } from "./kafka-connection.ts";
import { sleep } from "./waiting.ts";

export interface RetentionOptions {
  /** Topics that nobody deletes: a request that comes late must not hit another one of the same name. */
  readonly topics: readonly string[];
  /** Mean time between two moves, in milliseconds. */
  readonly meanMs: number;
}

const DELETE_RECORDS_VERSION = 2;
const TIMEOUT_MS = 30_000;

export class Retention implements Actor {
  readonly name: string;
  readonly waitsFor = undefined;
  private readonly run: Run;
  private readonly options: RetentionOptions;
  private readonly random: Random;
  private readonly client: KafkaClient;
  /** Where logs began when it was told last: what is gone stays gone. */
  private readonly gone = new Map<string, bigint>();
  private isCalm = false;

  constructor(run: Run, name: string, options: RetentionOptions) {
    this.run = run;
    this.name = name;
    this.options = options;
    this.random = run.random.fork(name);
    this.client = new KafkaClient(run, name);
  }

  start(): void {
    void this.client.keepConnected(
      (connection) => this.work(connection),
      () => this.isCalm,
    );
  }

  calm(): void {
    this.isCalm = true;
  }

  finish(_final: FinalState): Promise<void> {
    return Promise.resolve();
  }

  private async work(connection: KafkaConnection): Promise<void> {
    while (!this.isCalm && !connection.isClosed) {
      await sleep(this.client.process, -Math.log(1 - this.random.next()) * this.options.meanMs);
      if (!this.isCalm) await this.move(connection);
    }
  }

  private async move(connection: KafkaConnection): Promise<void> {
    const { random, run } = this;
    const topic = await topicNamed(connection, random.pick(this.options.topics));
    if (topic === undefined || topic.partitions.length === 0) return;
    const { partition } = random.pick(topic.partitions);
    const start = await offsetAt(connection, topic, partition, EARLIEST);
    const end = await offsetAt(connection, topic, partition, LATEST);
    if (start === undefined || end === undefined) return;
    const gone = this.gone.get(`${topic.id}/${partition}`) ?? 0n;
    if (start < gone)
      run.world.trace.violation(
        `${topic.name}-${partition} begins at ${start} again, though everything below ${gone} was gone`,
      );
    if (end <= start) return;
    const to = start + BigInt(random.between(1, Number(end - start)));
    run.note({ kind: "retention", topicId: topic.id, partition, to });
    const answer = await connection.request(deleteRecords, DELETE_RECORDS_VERSION, {
      topics: [{ name: topic.name, partitions: [{ partitionIndex: partition, offset: to }] }],
      timeoutMs: TIMEOUT_MS,
    });
    const [moved] = answer.topics[0]?.partitions ?? [];
    const at = `${topic.name}-${partition}`;
    if (moved?.errorCode !== ErrorCode.NONE)
      return run.world.trace.say(
        this.name,
        `${at}: ${errorName(moved?.errorCode ?? ErrorCode.UNKNOWN_SERVER_ERROR)}`,
      );
    run.world.trace.say(this.name, `${at} begins at ${moved.lowWatermark}, ${to} was asked for`);
    run.world.trace.count("retention: log start moved");
    run.note({ kind: "retention done", topicId: topic.id, partition, to: moved.lowWatermark });
    this.gone.set(`${topic.id}/${partition}`, moved.lowWatermark);
    if (moved.lowWatermark < to)
      run.world.trace.violation(
        `${at} begins at ${moved.lowWatermark}, though everything below ${to} was deleted`,
      );
  }
}
