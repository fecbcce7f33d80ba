/** One life of a member of a group: what is the same whichever protocol it speaks. */
import type { GroupMember, TopicPartition } from "../history.ts";
import type { Random } from "../kernel/random.ts";
import type { KafkaRun } from "../workload.ts";
import { GroupReading } from "./group-reading.ts";
import { KafkaClient } from "./kafka-client.ts";
import type { KafkaConnection } from "./kafka-connection.ts";
import type { Reading } from "./kafka-fetcher.ts";

export interface MemberOptions {
  readonly groupId: string;
  readonly topics: readonly string[];
  readonly instanceId: string | null;
  readonly sessionTimeoutMs: number;
  readonly rebalanceTimeoutMs: number;
}

/** It thinks of committing about so often, and then does, or does not. */
export const COMMIT_MS = [50, 400] as const;
const COMMIT_RATE = 0.7;

export abstract class GroupLife {
  readonly client: KafkaClient;
  protected readonly run: KafkaRun;
  protected readonly name: string;
  protected readonly options: MemberOptions;
  protected readonly random: Random;
  protected readonly reading: GroupReading;
  protected isLeaving = false;
  protected isCalm = false;
  protected hasEnded = false;

  constructor(run: KafkaRun, name: string, options: MemberOptions, random: Random) {
    this.run = run;
    this.name = name;
    this.options = options;
    this.random = random;
    this.client = new KafkaClient(run, name);
    const { client } = this;
    this.reading = new GroupReading({ run, name, random, client, groupId: options.groupId });
  }

  /** Who it is in the present generation; undefined: it is in none. */
  abstract get member(): GroupMember | undefined;

  /** What it was assigned. */
  abstract get assigned(): readonly TopicPartition[];

  /** Does what its group asks of it as long as the connection lasts. */
  protected abstract coordinate(connection: KafkaConnection): Promise<void>;

  begin(): void {
    const isOver = (): boolean => this.hasEnded;
    void this.client.keepConnected((connection) => this.coordinate(connection), isOver);
    void this.client.keepConnected((connection) => this.reading.fetch(connection, isOver), isOver);
  }

  /** Whether it acts, or will when it wakes. */
  get isAlive(): boolean {
    return this.client.process.isAlive && !this.hasEnded;
  }

  /** What it reads now. */
  get readings(): readonly Reading[] {
    return this.isAlive ? this.reading.readings : [];
  }

  /** What is not committed, or what it has not been told to be: in words. */
  get openCommit(): string | undefined {
    return this.isAlive ? this.reading.open : undefined;
  }

  /** Goes when it next could send a heartbeat. */
  leave(): void {
    this.isLeaving = true;
  }

  calm(): void {
    this.isCalm = true;
  }

  kill(): void {
    this.client.process.kill();
  }

  protected wantsToCommit(): boolean {
    return this.isCalm ? this.openCommit !== undefined : this.random.chance(COMMIT_RATE);
  }
}
