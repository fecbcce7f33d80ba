/** Scripts that are played to two brokers, and what comes back. */
import { apiVersions } from "../../wire/apis/api-versions.ts";
import { createTopics } from "../../wire/apis/create-topics.ts";
import { listOffsets } from "../../wire/apis/list-offsets.ts";
import { metadata } from "../../wire/apis/metadata.ts";
import type { Api } from "../../wire/api.ts";
import type { Input } from "../../wire/schema.ts";
import { ProtocolClient } from "../gateway/protocol-client.ts";
import { Normaliser, type Plain } from "./normalise.ts";

/** A broker that scripts are played to. */
export interface Peer {
  readonly name: "kafka" | "rivulet";
  readonly port: number;
}

/** What one step of a script was answered. */
export interface Step {
  readonly name: string;
  readonly answer: Plain;
}

export interface Script {
  readonly name: string;
  run(talk: Talk): Promise<void>;
  /** Versions that the script is for; without it all that both brokers have. */
  readonly versions?: readonly [first: number, last: number];
}

/** The scripts of one API: each is played once in each version that both brokers have. */
export interface ApiScripts {
  readonly api: Api;
  readonly scripts: readonly Script[];
}

/** How long an answer may take: more than any time that scripts have brokers wait. */
const ANSWER_MS = 60_000;

export interface Topic {
  readonly name: string;
  readonly id: string;
}

export interface TopicOptions {
  readonly partitions?: number;
  readonly configs?: Readonly<Record<string, string>>;
}

/** The connection on which a script talks unless it names another. */
const MAIN = "main";

/** One script's conversation with one broker, in one version of the API that it is about. */
export class Talk {
  readonly steps: Step[] = [];
  readonly version: number;
  private readonly api: Api;
  private readonly peer: Peer;
  private readonly prefix: string;
  private readonly normaliser: Normaliser;
  private readonly connections = new Map<string, Promise<ProtocolClient>>();

  /** `prefix` begins all names that the script makes up, so that scripts do not get into each other's way. */
  constructor({ api, version, peer, prefix }: { api: Api; version: number; peer: Peer; prefix: string }) {
    this.api = api;
    this.version = version;
    this.peer = peer;
    this.prefix = prefix;
    this.normaliser = new Normaliser({ prefix, port: peer.port });
  }

  /** A name that no other script has. */
  name(name: string): string {
    return this.prefix + name;
  }

  /** Sends a request of the script's API, in the script's version, and keeps the answer as a step. */
  ask<Req, Res>(step: string, api: Api<Req, Res>, body: Input<Req>, on = MAIN): Promise<Res | undefined> {
    return this.step(step, () => this.request(api, this.versionOf(api), body, on));
  }

  /** The same in a version of its own, of any API. */
  see<Req, Res>(
    step: string,
    api: Api<Req, Res>,
    version: number,
    body: Input<Req>,
    on = MAIN,
  ): Promise<Res | undefined> {
    return this.step(step, () => this.request(api, version, body, on));
  }

  /** Sends a message as it is; the answer is what `read` makes of it. */
  raw(
    step: string,
    correlationId: number,
    message: Uint8Array,
    read: (answer: Uint8Array) => unknown,
  ): Promise<unknown> {
    return this.step(step, async () => {
      const client = await this.connection(MAIN);
      const answer = client.expect(correlationId);
      client.send(message);
      return read(await inTime(answer, step));
    });
  }

  /** Sends what gets no answer, and keeps whether the connection outlives it. */
  tell<Req, Res>(step: string, api: Api<Req, Res>, body: Input<Req>): Promise<unknown> {
    return this.step(step, async () => {
      const client = await this.connection(MAIN);
      const { correlationId, message } = client.encode(api, this.versionOf(api), body);
      let answered = false;
      client.expect(correlationId).then(
        () => (answered = true),
        () => undefined,
      );
      client.send(message);
      await inTime(client.request(apiVersions, 0, {}), step);
      return { answered };
    });
  }

  /** Keeps something that the script has found out by itself. */
  note(step: string, answer: Plain): void {
    this.steps.push({ name: step, answer });
  }

  /** Keeps an answer that the script has made something of. */
  noteAnswer(step: string, answer: unknown): void {
    this.note(step, this.normaliser.answer(answer));
  }

  /** From now on the epochs of consumer groups are told by how far they are from this one. */
  countGroupEpochsFrom(epoch: number): void {
    this.normaliser.countGroupEpochsFrom(epoch);
  }

  /** Sends a request that is not a step: to prepare something. */
  async request<Req, Res>(api: Api<Req, Res>, version: number, body: Input<Req>, on = MAIN): Promise<Res> {
    const client = await this.connection(on);
    return inTime(client.request(api, version, body), api.name);
  }

  /** Asks until `isSo`: some things come to a broker a moment after they were acknowledged. */
  async until<Req, Res>(
    api: Api<Req, Res>,
    version: number,
    body: Input<Req>,
    isSo: (answer: Res) => boolean,
  ): Promise<Res> {
    const deadline = Date.now() + ANSWER_MS;
    for (;;) {
      const answer = await this.request(api, version, body);
      if (isSo(answer)) return answer;
      if (Date.now() > deadline)
        throw new Error(
          `${this.peer.name}: ${api.name} still answers ${JSON.stringify(this.normaliser.answer(answer))}`,
        );
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  /** A topic that is there and has leaders. */
  async topic(name: string, { partitions = 1, configs = {} }: TopicOptions = {}): Promise<Topic> {
    const full = this.name(name);
    const answer = await this.request(createTopics, 7, {
      topics: [
        {
          name: full,
          numPartitions: partitions,
          replicationFactor: 1,
          assignments: [],
          configs: Object.entries(configs).map(([key, value]) => ({ name: key, value })),
        },
      ],
      timeoutMs: ANSWER_MS,
    });
    const made = answer.topics[0];
    if (made?.errorCode !== 0)
      throw new Error(`${this.peer.name}: ${full} was not created: ${made?.errorMessage}`);
    this.normaliser.call("topic", made.topicId, full);
    await this.untilLed(full, partitions);
    return { name: full, id: made.topicId };
  }

  /** Resolves when each partition of the topic has a leader that knows of it. */
  async untilLed(name: string, partitions: number): Promise<void> {
    const asked = { topics: [{ topicId: undefined, name }], allowAutoTopicCreation: false };
    await this.until(metadata, 9, asked, ({ topics: [topic] }) => topic?.partitions.length === partitions);
    const ends = Array.from({ length: partitions }, (_, partitionIndex) => ({
      partitionIndex,
      timestamp: -1n,
    }));
    await this.until(
      listOffsets,
      7,
      { replicaId: -1, topics: [{ name, partitions: ends }] },
      ({ topics: [topic] }) => (topic?.partitions ?? []).every(({ errorCode }) => errorCode === 0),
    );
  }

  async close(): Promise<void> {
    for (const connection of this.connections.values()) await (await connection).close();
    this.connections.clear();
  }

  /** Takes its place among the steps when it is asked, not when it is answered. */
  private async step<T>(name: string, ask: () => Promise<T>): Promise<T | undefined> {
    const at = this.steps.push({ name, answer: "no answer" }) - 1;
    try {
      const answer = await ask();
      this.steps[at] = { name, answer: this.normaliser.answer(answer) };
      return answer;
    } catch (error) {
      if (!(error instanceof Error && error.message.startsWith("connection closed"))) throw error;
      this.steps[at] = { name, answer: "connection closed" };
      return undefined;
    }
  }

  private versionOf(api: Api): number {
    if (api.key !== this.api.key) throw new Error(`this script is about ${this.api.name}, not ${api.name}`);
    return this.version;
  }

  private async connection(name: string): Promise<ProtocolClient> {
    const known = this.connections.get(name);
    if (known !== undefined && !(await known).isClosed) return known;
    const opened = ProtocolClient.tcp(this.peer.port);
    this.connections.set(name, opened);
    return opened;
  }
}

async function inTime<T>(answer: Promise<T>, what: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what}: no answer within ${ANSWER_MS} ms`)), ANSWER_MS);
  });
  try {
    return await Promise.race([answer, late]);
  } finally {
    clearTimeout(timer);
  }
}
