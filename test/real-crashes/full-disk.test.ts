/** A real gateway on a real file system that gets full: what it answers meanwhile, and what is there when there is room again. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { afterEach, beforeEach, expect, test } from "vitest";
import { deleteRecords } from "../../wire/apis/delete-records.ts";
import { initProducerId } from "../../wire/apis/init-producer-id.ts";
import { ErrorCode, KafkaError } from "../../wire/errors.ts";
import { batchOf, createTopic, fetchFrom, produceTo } from "../gateway/batches.ts";
import { ProtocolClient } from "../gateway/protocol-client.ts";
import { run as runGateway, spawnGateway, type SpawnedGateway } from "../gateway/spawn-gateway.ts";
import { describeWith } from "../tools/require-tool.ts";
import { run } from "../tools/run-process.ts";
import { mountSmall, type SmallFileSystem } from "../tools/small-file-system.ts";

const MIB = 1024 * 1024;
const DISK_BYTES = 6 * MIB;
const RECORD_BYTES = 48 * 1024;
const SEGMENTS = ["--config", "log.segment.bytes=1000000"];
/** No reserve: the file system itself says when it is full. */
const SETTINGS = [...SEGMENTS, "--config", "log.dir.min.free.bytes=0"];

const valueOf = (number: number): string =>
  `${number} ${"x".repeat(RECORD_BYTES + ((number * 7919) % 5000))}`;

describeWith(["small file system"], "a disk that gets full", () => {
  let directory: string;
  let disk: SmallFileSystem;
  let gateway: SpawnedGateway | undefined;

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), "rivulet-full-"));
    disk = await mountSmall(directory, DISK_BYTES);
  });
  afterEach(async () => {
    await gateway?.kill("SIGKILL");
    await disk.unmount();
    await rm(directory, { recursive: true, force: true });
  });

  test.each(["SIGKILL", "SIGTERM"] as const)(
    "is told as a storage error; reads go on; nothing acknowledged is lost; with room and a restart all is well: %s",
    async (signal) => {
      const args = ["--data-dir", join(directory, "data"), ...SETTINGS];
      const ballast = join(directory, "ballast");
      await inside(disk, "dd", "if=/dev/zero", `of=${ballast}`, "bs=1M", "count=2");
      gateway = await spawnGateway(args, {}, disk.inside);
      let client = await ProtocolClient.tcp(gateway.kafkaPort);
      await createTopic(client, "t");
      await createTopic(client, "other");
      expect((await produceTo(client, "other", batchOf(["before"]))).errorCode).toBe(ErrorCode.NONE);
      const asked = { transactionalId: null, transactionTimeoutMs: 0 };
      const { producerId: id } = await client.request(initProducerId, 4, asked);
      const batch = (sequence: number): Uint8Array =>
        batchOf([valueOf(sequence)], { id, epoch: 0, sequence });

      // Until it is full.
      let acknowledged = 0;
      let refused = ErrorCode.NONE as number;
      while (refused === ErrorCode.NONE) {
        expect(acknowledged).toBeLessThan(DISK_BYTES / RECORD_BYTES);
        refused = (await produceTo(client, "t", batch(acknowledged))).errorCode;
        if (refused === ErrorCode.NONE) acknowledged += 1;
      }
      expect(acknowledged).toBeGreaterThan(50);
      expect(refused).toBe(ErrorCode.KAFKA_STORAGE_ERROR);
      expect(new KafkaError(refused, "").retriable).toBe(true);
      // What comes later is told the same, at once, and harms nobody.
      for (let more = 0; more < 5; more++)
        expect((await produceTo(client, "t", batch(acknowledged))).errorCode).toBe(
          ErrorCode.KAFKA_STORAGE_ERROR,
        );
      await expectAll(client, acknowledged);
      expect((await fetchFrom(client, "other", 0n)).values).toEqual(["0 before"]);
      expect(await healthOf(gateway)).toMatchObject({
        status: "fenced",
        fenced: [{ topic: "t", partition: 0 }],
      });

      const { code } = await gateway.kill(signal);
      if (signal === "SIGTERM") expect([0, 1]).toContain(code);
      gateway = undefined;
      await expectNoOrFewWords(args);

      await inside(disk, "rm", ballast);
      gateway = await spawnGateway(args, {}, disk.inside);
      client = await ProtocolClient.tcp(gateway.kafkaPort);
      await expectAll(client, acknowledged);
      for (let more = 0; more < 10; more++) {
        const answer = await produceTo(client, "t", batch(acknowledged));
        expect(answer).toMatchObject({ errorCode: ErrorCode.NONE, baseOffset: BigInt(acknowledged) });
        acknowledged += 1;
      }
      await expectAll(client, acknowledged);
      expect((await produceTo(client, "other", batchOf(["after"]))).errorCode).toBe(ErrorCode.NONE);
      expect((await fetchFrom(client, "other", 0n)).values).toEqual(["0 before", "1 after"]);
      expect(await healthOf(gateway)).toMatchObject({ status: "ok" });
      await client.close();
      expect(await gateway.kill("SIGTERM")).toMatchObject({ code: 0 });
    },
  );

  test("keeps a reserve: records are refused in time, deletions work, and all goes on without a restart", async () => {
    const args = ["--data-dir", join(directory, "data"), ...SEGMENTS];
    gateway = await spawnGateway(args, {}, disk.inside);
    const client = await ProtocolClient.tcp(gateway.kafkaPort);
    await createTopic(client, "t");
    await createTopic(client, "other");
    const batch = (number: number): Uint8Array => batchOf([valueOf(number)]);
    let acknowledged = 0;
    const fill = async (): Promise<void> => {
      for (;;) {
        const { errorCode } = await produceTo(client, "t", batch(acknowledged));
        if (errorCode !== ErrorCode.NONE) return expect(errorCode).toBe(ErrorCode.KAFKA_STORAGE_ERROR);
        expect(++acknowledged).toBeLessThan(DISK_BYTES / RECORD_BYTES);
      }
    };
    await fill();
    expect(acknowledged).toBeGreaterThan(50);
    expect(await healthOf(gateway)).toMatchObject({ status: "disk nearly full", fenced: [] });
    await expectAll(client, acknowledged);

    // Somebody else takes the rest; what takes no room still works.
    await inside(
      disk,
      "sh",
      "-c",
      `dd if=/dev/zero of=${join(directory, "ballast")} bs=4k 2>/dev/null || true`,
    );
    await expectAll(client, acknowledged);
    const start = await deleteBefore(client, acknowledged - 5);
    expect(start).toBe(BigInt(acknowledged - 5));
    await expectAll(client, acknowledged, acknowledged - 5);

    await inside(disk, "rm", join(directory, "ballast"));
    const answer = await untilTaken(() => produceTo(client, "t", batch(acknowledged)));
    expect(answer.baseOffset).toBe(BigInt(acknowledged++));
    expect((await produceTo(client, "other", batchOf(["after"]))).errorCode).toBe(ErrorCode.NONE);
    expect(await healthOf(gateway)).toMatchObject({ status: "ok", fenced: [] });
    await expectAll(client, acknowledged, acknowledged - 6);
    await client.close();
    expect(await gateway.kill("SIGTERM")).toMatchObject({ code: 0 });
  });

  /** On a disk that is full a gateway starts, or says in one line what there is to do. */
  async function expectNoOrFewWords(args: readonly string[]): Promise<void> {
    const { child, exited } = runGateway([...args, "--log-level", "error"], {}, disk.inside);
    const ready = new Promise<boolean>((resolve) => child.stdout?.once("data", () => resolve(true)));
    if (await Promise.race([ready, exited.then(() => false)])) {
      child.kill("SIGKILL");
      await exited;
      return;
    }
    const { code, stderr } = await exited;
    expect(code).toBe(1);
    expect(stderr).toMatch(
      /^rivulet: the data directory .* cannot be used: the disk is full; make room on it, or/,
    );
    expect(stderr.trimEnd().split("\n")).toHaveLength(1);
  }
});

async function deleteBefore(client: ProtocolClient, offset: number): Promise<bigint | undefined> {
  const { topics } = await client.request(deleteRecords, 2, {
    topics: [{ name: "t", partitions: [{ partitionIndex: 0, offset: BigInt(offset) }] }],
    timeoutMs: 30_000,
  });
  const answer = topics[0]?.partitions[0];
  expect(answer?.errorCode).toBe(ErrorCode.NONE);
  return answer?.lowWatermark;
}

/** Tries again, as clients do. */
async function untilTaken<T extends { errorCode: number }>(call: () => Promise<T>): Promise<T> {
  for (;;) {
    const answer = await call();
    if (answer.errorCode === ErrorCode.NONE) return answer;
    expect(answer.errorCode).toBe(ErrorCode.KAFKA_STORAGE_ERROR);
    await setTimeout(100);
  }
}

/** Runs a program where the small file system is. */
async function inside(disk: SmallFileSystem, ...command: string[]): Promise<void> {
  const [program = "", ...args] = [...disk.inside, ...command];
  await run(program, args);
}

/** From `from` on the partition holds these records, each once and in order, and no other. */
async function expectAll(client: ProtocolClient, records: number, from = 0): Promise<void> {
  let at = from;
  for (;;) {
    const { values, highWatermark } = await fetchFrom(client, "t", BigInt(at));
    expect(values.map((value) => value.slice(0, 20))).toEqual(
      values.map((_, index) => `${at + index} ${valueOf(at + index)}`.slice(0, 20)),
    );
    at += values.length;
    if (values.length === 0) {
      expect(highWatermark).toBe(BigInt(records));
      break;
    }
  }
  expect(at).toBe(records);
}

async function healthOf({ httpPort }: SpawnedGateway): Promise<unknown> {
  return (await fetch(`http://127.0.0.1:${httpPort}/healthz`)).json();
}
