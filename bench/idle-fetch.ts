/**
 * A consumer of many partitions in which nothing happens: what one poll costs in bytes on the wire and in CPU time of the
 * server, with all partitions named each time and in a fetch session (KIP-227). Every poll waits a millisecond in vain.
 */
import { createTopics } from "../wire/apis/create-topics.ts";
import { fetch } from "../wire/apis/fetch.ts";
import { encodeRequest } from "../wire/request.ts";
import { decodeResponse } from "../wire/response.ts";
import type { BenchSettings, Mode } from "./bench.ts";
import { startChecksum } from "./checksum.ts";
import { withCleanup, type Defer } from "./cleanup.ts";
import { startGateway } from "./gateway-process.ts";
import { interleave, ratio, type Contender, type Sample } from "./harness.ts";
import { CLIENT_ID, openKafkaClient, withLength, type KafkaClient } from "./kafka-client.ts";
import { cpuTimeMs } from "./machine.ts";
import type { BenchReport } from "./report.ts";

const ALL_NAMED = "all partitions named each time";
const IN_SESSION = "in a fetch session";
const BYTES = "bytes/poll";
const CPU = "server CPU µs/poll";
const TOPIC = "idle";

const sizes: Readonly<Record<Mode, { partitions: number; polls: number; rounds: number; warmups: number }>> =
  {
    full: { partitions: 1000, polls: 300, rounds: 7, warmups: 1 },
    small: { partitions: 20, polls: 5, rounds: 1, warmups: 0 },
  };

export function idleFetchBench(settings: BenchSettings): Promise<BenchReport> {
  return withCleanup((defer) => compare(settings, defer));
}

async function compare(settings: BenchSettings, defer: Defer): Promise<BenchReport> {
  const { partitions, polls, ...rounds } = sizes[settings.mode];
  const gateway = await startGateway(settings);
  defer(() => gateway.stop());
  const client = await openKafkaClient(gateway.kafkaPort, (reason) => {
    throw new Error(reason);
  });
  defer(() => client.close());
  const topicId = await makeTopic(client, partitions);
  const consumer = new IdleConsumer(client, topicId, partitions);

  const contender = (name: string, poll: () => Promise<number>): Contender => ({
    name,
    round: async (): Promise<Sample> => {
      const before = cpuTimeMs(gateway.pid);
      let bytes = 0;
      for (let n = 0; n < polls; n++) bytes += await poll();
      const after = cpuTimeMs(gateway.pid);
      const cpu =
        before === undefined || after === undefined ? {} : { [CPU]: ((after - before) * 1000) / polls };
      return { [BYTES]: bytes / polls, ...cpu };
    },
  });
  await consumer.begin();
  const results = await interleave(
    [contender(ALL_NAMED, () => consumer.pollAll()), contender(IN_SESSION, () => consumer.pollSession())],
    rounds,
  );
  const less = (metric: string): number | undefined => ratio(results, metric, IN_SESSION, ALL_NAMED);
  return {
    name: "an idle consumer",
    tables: [
      {
        title: "idle fetch",
        metrics: [BYTES, CPU],
        ratioTo: ALL_NAMED,
        cases: [{ name: `${partitions} partitions`, results }],
      },
    ],
    aims:
      settings.mode === "full"
        ? [
            { what: `${BYTES} in a session`, sense: "at most", bound: 0.01, value: less(BYTES) },
            { what: `${CPU} in a session`, sense: "at most", bound: 0.2, value: less(CPU) },
          ]
        : [],
    notes: [],
    counts: { partitions, "partitions that a session's polls named": consumer.named },
    hash: consumer.hash.digest(),
  };
}

async function makeTopic(client: KafkaClient, partitions: number): Promise<string> {
  const wanted = {
    name: TOPIC,
    numPartitions: partitions,
    replicationFactor: 1,
    assignments: [],
    configs: [],
  };
  const { topics } = await client.request(createTopics, createTopics.maxVersion, {
    topics: [wanted],
    timeoutMs: 60_000,
    validateOnly: false,
  });
  const [made] = topics;
  if (made === undefined || made.errorCode !== 0) throw new Error(`no topic: ${made?.errorMessage}`);
  return made.topicId;
}

/** Polls one after the other; each answers its bytes on the wire, both ways. */
class IdleConsumer {
  /** Partitions that answers in the session have named after its first. */
  named = 0;
  /** Of what was known in the end by who named all. */
  readonly hash = startChecksum();
  private readonly client: KafkaClient;
  private readonly topics;
  private sessionId = 0;
  private sessionEpoch = 0;

  constructor(client: KafkaClient, topicId: string, partitions: number) {
    this.client = client;
    const asked = Array.from({ length: partitions }, (_, partition) => ({
      partition,
      fetchOffset: 0n,
      partitionMaxBytes: 1024 * 1024,
    }));
    this.topics = [{ topicId, partitions: asked }];
  }

  /** Begins the session. */
  async begin(): Promise<void> {
    const { answer } = await this.fetch(0, 0, this.topics);
    if (answer.sessionId === 0) throw new Error("no session was given");
    this.sessionId = answer.sessionId;
    for (const { partitions } of answer.responses) {
      for (const { partitionIndex, highWatermark } of partitions)
        this.hash.add(`${partitionIndex} ${highWatermark}`);
    }
    this.sessionEpoch = 1;
  }

  async pollAll(): Promise<number> {
    const { answer, bytes } = await this.fetch(0, -1, this.topics);
    const named = answer.responses[0]?.partitions.length;
    if (named !== this.topics[0]?.partitions.length) throw new Error(`${named} partitions were answered`);
    return bytes;
  }

  async pollSession(): Promise<number> {
    const { answer, bytes } = await this.fetch(this.sessionId, this.sessionEpoch, []);
    this.sessionEpoch++;
    this.named += answer.responses.length;
    return bytes;
  }

  private fetch(sessionId: number, sessionEpoch: number, topics: IdleConsumer["topics"]) {
    const wanted = { maxWaitMs: 1, minBytes: 1, maxBytes: 50 * 1024 * 1024, sessionId, sessionEpoch, topics };
    const header = { correlationId: 0, clientId: CLIENT_ID };
    const request = withLength(encodeRequest(fetch, fetch.maxVersion, header, wanted));
    return new Promise<{ answer: ReturnType<typeof decoded>; bytes: number }>((resolve, reject) => {
      this.client.sendFramed(request, (bytes) => {
        const answer = decoded(bytes);
        if (answer.errorCode !== 0) reject(new Error(`a poll was answered with error ${answer.errorCode}`));
        else resolve({ answer, bytes: request.length + LENGTH_BYTES + bytes.length });
      });
    });
  }
}

/** What stands before a message on TCP. */
const LENGTH_BYTES = 4;

function decoded(bytes: Uint8Array) {
  return decodeResponse(fetch, fetch.maxVersion, bytes).body;
}
