/** What only a process shows: its lines, its exit codes, what it does with signals, and what a kill leaves. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { initProducerId } from "../../wire/apis/init-producer-id.ts";
import { metadata } from "../../wire/apis/metadata.ts";
import { ErrorCode } from "../../wire/errors.ts";
import { batchOf, createTopic, fetchFrom, produceTo } from "./batches.ts";
import { ProtocolClient } from "./protocol-client.ts";
import { run, spawnGateway, type SpawnedGateway } from "./spawn-gateway.ts";

let directory: string;
let taken: Server;
let takenPort: number;
const running: SpawnedGateway[] = [];

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "rivulet-process-"));
  taken = createServer();
  takenPort = await new Promise<number>((resolve) => {
    taken.listen(0, "127.0.0.1", () => {
      const address = taken.address();
      resolve(typeof address === "object" && address !== null ? address.port : 0);
    });
  });
});
afterEach(async () => {
  await Promise.all(running.splice(0).map((gateway) => gateway.kill("SIGKILL")));
});
afterAll(async () => {
  taken.close();
  await rm(directory, { recursive: true, force: true });
});

async function start(args: readonly string[], env: Record<string, string> = {}): Promise<SpawnedGateway> {
  const gateway = await spawnGateway(args, env);
  running.push(gateway);
  return gateway;
}

describe("the command", () => {
  it("prints the ready line and nothing else to stdout, and exits 0 on SIGTERM and on SIGINT", async () => {
    for (const signal of ["SIGTERM", "SIGINT"] as const) {
      const gateway = await start(["--data-dir", join(directory, "clean")]);
      const { code, stdout } = await gateway.kill(signal);
      expect(code).toBe(0);
      expect(stdout).toMatch(
        /^rivulet: ready http:\/\/127\.0\.0\.1:\d+ kafka:\/\/127\.0\.0\.1:\d+ data \S+\/clean\n$/,
      );
    }
  });

  it.each([
    ["a flag that is not there", () => ["--nonsense"], /unknown option '--nonsense'/],
    ["a port that is none", () => ["--http-port", "banana"], /--http-port: "banana" is not a port/],
    ["a Kafka setting that is not there", () => ["--config", "no.such=1"], /no\.such is not a setting/],
    [
      "a Kafka setting out of bounds",
      () => ["--config", "num.partitions=0"],
      /num\.partitions: 0 must be from 1/,
    ],
    [
      "a taken Kafka port",
      () => ["--kafka-port", `${takenPort}`],
      /Kafka clients on 127\.0\.0\.1:\d+: the port is taken.*--kafka-port/,
    ],
    [
      "a taken HTTP port",
      () => ["--http-port", `${takenPort}`],
      /WebSocket on 127\.0\.0\.1:\d+: the port is taken.*--http-port/,
    ],
    [
      "an address that is not this machine's",
      () => ["--host", "192.0.2.1", "--insecure"],
      /192\.0\.2\.1:0: this machine does not have that address/,
    ],
    ["open doors", () => ["--host", "0.0.0.0"], /refuses to listen on 0\.0\.0\.0.*--insecure/],
  ])("refuses %s in one line, with exit code 1", async (_what, args, line) => {
    const { code, stdout, stderr } = await run([
      "--data-dir",
      join(directory, "refused"),
      "--log-level",
      "error",
      ...args(),
    ]).exited;
    expect(stderr).toMatch(line);
    expect(stderr.trimEnd().split("\n")).toHaveLength(1);
    expect(stderr).toMatch(/^rivulet: /);
    expect(stdout).toBe("");
    expect(code).toBe(1);
  });

  it("refuses a data directory that cannot be one, and one that another gateway holds", async () => {
    const file = join(directory, "file");
    await writeFile(file, "");
    const notOne = await run(["--data-dir", file]).exited;
    expect(notOne).toMatchObject({ code: 1 });
    expect(notOne.stderr).toMatch(/the data directory .*\/file cannot be used: there is a file of that name/);
    const shared = join(directory, "shared");
    const holder = await start(["--data-dir", shared]);
    const second = await run(["--data-dir", shared]).exited;
    expect(second.code).toBe(1);
    expect(second.stderr.trimEnd().split("\n")).toHaveLength(1);
    expect(second.stderr).toContain(shared);
    const client = await ProtocolClient.tcp(holder.kafkaPort);
    expect((await client.request(metadata, 12, { topics: [] })).brokers).toHaveLength(1);
    await client.close();
  });

  it("takes its settings from the environment, and tells Kafka clients the advertised address", async () => {
    const env = {
      RIVULET_DATA_DIR: join(directory, "env"),
      RIVULET_KAFKA_ADVERTISED: "kafka.example:1234",
      RIVULET_CONFIG: "num.partitions=3",
    };
    const gateway = await start([], env);
    expect(gateway.readyLine).toContain(`data ${env.RIVULET_DATA_DIR}`);
    const client = await ProtocolClient.tcp(gateway.kafkaPort);
    const { brokers, topics } = await client.request(metadata, 12, { topics: [{ name: "t" }] });
    expect(brokers).toMatchObject([{ host: "kafka.example", port: 1234 }]);
    expect(topics[0]?.partitions).toHaveLength(3);
    await client.close();
  });

  it("does not create topics on first use when that is forbidden", async () => {
    const gateway = await start([
      "--data-dir",
      join(directory, "no-auto"),
      "--config",
      "auto.create.topics.enable=false",
    ]);
    const client = await ProtocolClient.tcp(gateway.kafkaPort);
    const { topics } = await client.request(metadata, 12, {
      topics: [{ name: "t" }],
      allowAutoTopicCreation: true,
    });
    expect(topics[0]?.errorCode).toBe(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
    await client.close();
  });

  it("--help and --version answer and exit 0", async () => {
    const help = await run(["--help"]).exited;
    expect(help).toMatchObject({ code: 0, stderr: "" });
    expect(help.stdout).toContain("--kafka-advertised");
    expect((await run(["--version"]).exited).stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  });
});

describe("SIGTERM", () => {
  it("answers what is in flight: a waiting Fetch with what there is, a Produce with its offset", async () => {
    const gateway = await start(["--data-dir", join(directory, "term")]);
    const client = await ProtocolClient.tcp(gateway.kafkaPort);
    const web = await ProtocolClient.webSocket(gateway.httpPort);
    await createTopic(client, "t");
    const waiting = fetchFrom(client, "t", 0n, { maxWaitMs: 60_000 });
    const produced = Array.from({ length: 20 }, (_, n) =>
      produceTo(web, "t", batchOf([`${n}`]), { acks: -1 }),
    );
    // The gateway has read them all when the first is answered; the rest are on their way to the disk.
    await produced[0];
    const exited = gateway.kill("SIGTERM");
    const answers = await Promise.allSettled([waiting, ...produced]);
    expect(answers.filter(({ status }) => status === "rejected")).toEqual([]);
    expect(await web.closed).toMatch(/^1001/);
    expect(await exited).toMatchObject({ code: 0 });
  });
});

describe("kill -9 and a new start", () => {
  it(
    "keeps every batch that was acknowledged at acks=all, knows who sent it, and begins a new epoch",
    { timeout: 60_000 },
    async () => {
      const data = join(directory, "killed");
      let gateway = await start(["--data-dir", data]);
      let client = await ProtocolClient.tcp(gateway.kafkaPort);
      await createTopic(client, "t");
      const { producerId: id } = await client.request(initProducerId, 4, {
        transactionalId: null,
        transactionTimeoutMs: 0,
      });
      const batch = (sequence: number): Uint8Array =>
        batchOf([`value ${sequence}`], { id, epoch: 0, sequence });
      let acknowledged = -1;
      let sent = 0;
      for (let round = 0; round < 3; round++) {
        const epochBefore =
          (await client.request(metadata, 12, { topics: [{ name: "t" }] })).topics[0]?.partitions[0]
            ?.leaderEpoch ?? -1;
        // Five in flight, as a producer keeps them, until the kill.
        const killAt = sent + 40;
        const flying = new Set<Promise<void>>();
        let killed: Promise<unknown> | undefined;
        while (killed === undefined) {
          const sequence = sent++;
          const answer = produceTo(client, "t", batch(sequence)).then(
            ({ errorCode }) => {
              expect(errorCode).toBe(0);
              acknowledged = Math.max(acknowledged, sequence);
            },
            () => {},
          );
          flying.add(answer);
          void answer.then(() => flying.delete(answer));
          if (sequence === killAt) killed = gateway.kill("SIGKILL");
          else if (flying.size >= 5) await Promise.race(flying);
        }
        await killed;
        await Promise.all(flying);
        gateway = await start(["--data-dir", data]);
        client = await ProtocolClient.tcp(gateway.kafkaPort);
        const { topics } = await client.request(metadata, 12, { topics: [{ name: "t" }] });
        expect(topics[0]?.partitions[0]?.leaderEpoch).toBeGreaterThan(epochBefore);
        const { values } = await fetchFrom(client, "t", 0n, { partitionMaxBytes: 2 ** 26 });
        expect(values.length).toBeGreaterThan(acknowledged);
        expect(values).toEqual(values.map((_, n) => `${n} value ${n}`));
        // The producer sends again what was not acknowledged: what is there already is known, and a gap is refused.
        if (values.length > 0)
          expect(await produceTo(client, "t", batch(values.length - 1))).toMatchObject({
            errorCode: 0,
            baseOffset: BigInt(values.length - 1),
          });
        expect((await produceTo(client, "t", batch(values.length + 1))).errorCode).toBe(
          ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER,
        );
        sent = values.length;
      }
      await client.close();
    },
  );

  it("never gives a producer id twice", async () => {
    const data = join(directory, "ids");
    const ids = new Set<bigint>();
    for (let round = 0; round < 3; round++) {
      const gateway = await start(["--data-dir", data]);
      const client = await ProtocolClient.tcp(gateway.kafkaPort);
      for (let n = 0; n < 3; n++)
        ids.add(
          (await client.request(initProducerId, 4, { transactionalId: null, transactionTimeoutMs: 0 }))
            .producerId,
        );
      await gateway.kill("SIGKILL");
    }
    expect(ids.size).toBe(9);
  });
});
