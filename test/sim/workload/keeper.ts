/** Somebody who wants topics to keep what they have once all is calm: takes back how long records are kept. */
import { incrementalAlterConfigs } from "../../../wire/apis/incremental-alter-configs.ts";
import { ErrorCode, errorName } from "../../../wire/errors.ts";
import type { Random } from "../kernel/random.ts";
import type { Actor, FinalState, Run } from "../workload.ts";
import { KafkaClient } from "./kafka-client.ts";
import type { KafkaConnection } from "./kafka-connection.ts";
import { sleep } from "./waiting.ts";

const ALTER_CONFIGS_VERSION = 1;
const TOPIC_RESOURCE = 2;
const SET = 0;
const REST_MS = [50, 1000] as const;

export class Keeper implements Actor {
  readonly name: string;
  private readonly run: Run;
  /** Names of topics with `retention.ms`. */
  private readonly topics: readonly string[];
  private readonly random: Random;
  private readonly client: KafkaClient;
  private isCalm = false;

  constructor(run: Run, name: string, topics: readonly string[]) {
    this.run = run;
    this.name = name;
    this.topics = topics;
    this.random = run.random.fork(name);
    this.client = new KafkaClient(run, name);
  }

  start(): void {
    // Nothing is to be kept before all is calm.
  }

  calm(): void {
    if (this.isCalm) return;
    this.isCalm = true;
    void this.client.keepConnected((connection) => this.work(connection));
  }

  get waitsFor(): string | undefined {
    const [name] = this.isCalm ? this.topics.filter((topic) => !this.isKept(topic)) : [];
    return name === undefined ? undefined : `${name} to keep what it has`;
  }

  finish(_final: FinalState): Promise<void> {
    return Promise.resolve();
  }

  private isKept(topic: string): boolean {
    return this.run.gateway.cluster?.topic(topic)?.overrides.get("retention.ms") === "-1";
  }

  /** A topic may be made anew meanwhile. */
  private async work(connection: KafkaConnection): Promise<void> {
    while (!connection.isClosed) {
      for (const topic of this.topics) if (!this.isKept(topic)) await this.keep(connection, topic);
      await sleep(this.client.process, this.random.delay(...REST_MS));
    }
  }

  private async keep(connection: KafkaConnection, topic: string): Promise<void> {
    const configs = [{ name: "retention.ms", configOperation: SET, value: "-1" }];
    const answer = await connection.request(incrementalAlterConfigs, ALTER_CONFIGS_VERSION, {
      resources: [{ resourceType: TOPIC_RESOURCE, resourceName: topic, configs }],
      validateOnly: false,
    });
    const code = answer.responses[0]?.errorCode ?? ErrorCode.UNKNOWN_SERVER_ERROR;
    const { trace } = this.run.world;
    if (code === ErrorCode.NONE) trace.say(this.name, `${topic} keeps what it has from now on`);
    else trace.say(this.name, `${topic}: ${errorName(code)}`);
  }
}
