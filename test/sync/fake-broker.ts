/** A broker in memory that speaks the real bytes of the protocol, and can be made to misbehave. */
import type { Engine } from "../../log/engine.ts";
import type { OpenTransport, TransportHandler } from "../../sync/transport.ts";
import { ApiKey } from "../../wire/api.ts";
import type { Api } from "../../wire/api.ts";
import { apiByKey } from "../../wire/apis.ts";
import { ErrorCode } from "../../wire/errors.ts";
import { encodePushHeader } from "../../wire/push.ts";
import { decodeRequest } from "../../wire/request.ts";
import { decodeRequestHeader } from "../../wire/request-header.ts";
import { encodeResponse } from "../../wire/response.ts";
import { handlers } from "./fake-handlers.ts";
import { FakePartition } from "./fake-partition.ts";

/** What happens to one request. `lost`: never acted on. `unanswered`: acted on, then the connection ends. */
export type Fault = "none" | "lost" | "unanswered" | "late" | { readonly refuse: number };

export interface FakeTopic {
  name: string;
  id: string;
  partitions: FakePartition[];
  /** What DescribeConfigs tells. */
  configs: Map<string, string>;
}

const BEFORE_SIGN_IN: ReadonlySet<number> = new Set([
  ApiKey.ApiVersions,
  ApiKey.SaslHandshake,
  ApiKey.SaslAuthenticate,
]);

interface Subscribed {
  topicId: string;
  partition: number;
  next: bigint;
}

export class FakeConnection {
  readonly subscriptions = new Map<string, Subscribed>();
  isOpen = true;
  /** Whose token was taken, where that is asked for. */
  signedInWith: string | undefined;
  readonly handler: TransportHandler;

  constructor(handler: TransportHandler) {
    this.handler = handler;
  }

  end(reason: string): void {
    if (!this.isOpen) return;
    this.isOpen = false;
    this.handler.closed(reason);
  }

  give(message: Uint8Array): void {
    if (this.isOpen) this.handler.message(message);
  }
}

export class FakeBroker {
  clusterId = "cluster-one";
  /** -1: it knows of none just now. */
  controllerId = 1;
  readonly topics = new Map<string, FakeTopic>();
  /** What DescribeConfigs tells of this node. */
  readonly configs = new Map<string, string>();
  readonly connections = new Set<FakeConnection>();
  /** Names of all requests, in order. */
  readonly requests: string[] = [];
  reachable = true;
  autoCreate = true;
  partitionsPerTopic = 1;
  strictAboutUnknown = true;
  nextProducerId = 1000n;
  pushBytesMax = 4096;
  /** Asked for every token, where people have to sign in: how long a session lasts, or why there is none. */
  guard: ((token: string, connection: FakeConnection) => number | string) | undefined;
  /** Asked for every request except ApiVersions. */
  faults: (api: string, body: unknown) => Fault = () => "none";
  readonly engine: Engine;
  private topicsMade = 0;

  constructor(engine: Engine) {
    this.engine = engine;
  }

  readonly open: OpenTransport = (handler) => {
    const connection = new FakeConnection(handler);
    queueMicrotask(() => {
      if (!this.reachable) return connection.end("refused");
      if (!connection.isOpen) return;
      this.connections.add(connection);
      handler.opened();
    });
    return {
      send: (message) => setImmediate(() => this.receive(connection, message)),
      close: () => {
        this.connections.delete(connection);
        connection.end("closed by this side");
      },
    };
  };

  createTopic(name: string, partitions = this.partitionsPerTopic): FakeTopic {
    const id = Buffer.alloc(16, `${++this.topicsMade}-${name}-topic-identity`).toString("base64url");
    const topic = {
      name,
      id,
      configs: new Map<string, string>(),
      partitions: Array.from(
        { length: partitions },
        () => new FakePartition(this.engine, this.strictAboutUnknown),
      ),
    };
    this.topics.set(name, topic);
    return topic;
  }

  topicById(id: string): FakeTopic | undefined {
    return [...this.topics.values()].find((topic) => topic.id === id);
  }

  /** Every connection ends; whoever wants to may come back. */
  dropAll(reason = "dropped"): void {
    for (const connection of this.connections) connection.end(reason);
    this.connections.clear();
  }

  /** Nothing is pushed while it is set. */
  paused = false;

  /** Pushes what subscribers have not had yet. */
  pushAll(): void {
    if (this.paused) return;
    for (const connection of this.connections) {
      for (const subscribed of connection.subscriptions.values()) this.push(connection, subscribed);
    }
  }

  private push(connection: FakeConnection, subscribed: Subscribed): void {
    const topic = this.topicById(subscribed.topicId);
    const partition = topic?.partitions[subscribed.partition];
    const frame = { topicId: subscribed.topicId, partition: subscribed.partition, leaderEpoch: 0 };
    if (partition === undefined) {
      connection.subscriptions.delete(`${subscribed.topicId}/${subscribed.partition}`);
      const gone = {
        ...frame,
        errorCode: ErrorCode.UNKNOWN_TOPIC_ID,
        highWatermark: -1n,
        lastStableOffset: -1n,
        from: -1n,
        to: -1n,
      };
      return connection.give(encodePushHeader(gone));
    }
    const marks = {
      highWatermark: partition.end,
      lastStableOffset: partition.end,
      leaderEpoch: partition.leaderEpoch,
    };
    if (subscribed.next < partition.logStart) {
      const gap = {
        ...frame,
        ...marks,
        errorCode: ErrorCode.OFFSET_OUT_OF_RANGE,
        from: subscribed.next,
        to: partition.logStart,
      };
      subscribed.next = partition.logStart;
      connection.give(encodePushHeader(gap));
    }
    while (subscribed.next < partition.end && connection.isOpen) {
      const { records, to } = partition.read(subscribed.next, this.pushBytesMax);
      const header = encodePushHeader({
        ...frame,
        ...marks,
        errorCode: ErrorCode.NONE,
        from: subscribed.next,
        to,
      });
      subscribed.next = to;
      connection.give(new Uint8Array(Buffer.concat([header, records])));
    }
  }

  private receive(connection: FakeConnection, message: Uint8Array): void {
    if (!connection.isOpen) return;
    const header = decodeRequestHeader(message);
    const api = apiByKey(header.apiKey) as Api | undefined;
    const handler = handlers.get(header.apiKey);
    if (api === undefined || handler === undefined)
      throw new Error(`the fake broker has no API ${header.apiKey}`);
    const body = decodeRequest(api, header.apiVersion, message, header.bodyAt);
    this.requests.push(api.name);
    const isGuarded = this.guard !== undefined && connection.signedInWith === undefined;
    if (isGuarded && !BEFORE_SIGN_IN.has(api.key)) return connection.end(`${api.name} before signing in`);
    const fault = api.name === "ApiVersions" ? "none" : this.faults(api.name, body);
    if (fault === "lost") return connection.end("lost before it was acted on");
    const refuse = typeof fault === "object" ? fault.refuse : undefined;
    const answer = handler({ broker: this, connection, refuse }, body as never);
    if (fault === "unanswered") return connection.end("lost before the answer");
    const give = (): void =>
      connection.give(
        new Uint8Array(
          Buffer.concat(encodeResponse(api, header.apiVersion, header.correlationId, answer as never)),
        ),
      );
    if (fault === "late") setImmediate(() => setImmediate(give));
    else give();
    this.pushAll();
  }
}
