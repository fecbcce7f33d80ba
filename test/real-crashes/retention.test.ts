/**
 * Real gateways that delete old segments all the time, killed again and again, with producers, readers and histories in
 * flight. RIVULET_SEED repeats what was random; when a crash strikes is up to the machine.
 */
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ErrorCode } from "../../wire/errors.ts";
import { FrameReader } from "../../wire/frame-reader.ts";
import { decodePush } from "../../wire/push.ts";
import { createTopic } from "../gateway/batches.ts";
import { ProtocolClient } from "../gateway/protocol-client.ts";
import { spawnGateway, type SpawnedGateway } from "../gateway/spawn-gateway.ts";
import { Random } from "../sim/kernel/random.ts";
import { Load } from "./load.ts";

const CRASHES = 5;
const SEED = Number(process.env["RIVULET_SEED"] ?? Date.now() % 2 ** 31);
const KEPT_BYTES = 60_000;
const SETTINGS = [
  "log.segment.bytes=10000",
  `log.retention.bytes=${KEPT_BYTES}`,
  "log.retention.check.interval.ms=20",
  "log.initial.task.delay.ms=0",
  "log.segment.delete.delay.ms=0",
].flatMap((setting) => ["--config", setting]);

describe(`retention among ${CRASHES} kills (RIVULET_SEED=${SEED})`, () => {
  let directory: string;
  let gateway: SpawnedGateway | undefined;

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), "rivulet-retention-"));
  });
  afterEach(async () => {
    await gateway?.kill("SIGKILL");
    await rm(directory, { recursive: true, force: true });
  });

  test(
    "takes old segments only: the log never begins earlier again, and all that is above its start is there",
    { timeout: 120_000 },
    async () => {
      const random = new Random(SEED);
      const args = ["--data-dir", join(directory, "data"), ...SETTINGS];
      const load = new Load("t", 0, random.fork("load"), true);
      let topicId = "";
      let pieces = 0;
      for (let round = 0; round < CRASHES; round++) {
        gateway = await spawnGateway(args);
        const { kafkaPort, httpPort } = gateway;
        if (round === 0) topicId = await topicAt(kafkaPort);
        else await load.check(kafkaPort);
        const life = await load.start(kafkaPort);
        const histories = Array.from({ length: 3 }, () => readHistories(httpPort, topicId, gateway!.exited));
        await life.acknowledged(random.between(30, 300));
        await gateway.kill("SIGKILL");
        await life.over;
        for (const read of await Promise.all(histories)) pieces += read;
      }
      gateway = await spawnGateway(args);
      const life = await load.start(gateway.kafkaPort);
      await life.acknowledged(100);
      await life.finish();
      expect(await load.check(gateway.kafkaPort)).toBe(load.acknowledged);
      expect(load.logStart).toBeGreaterThan(0);
      expect(pieces).toBeGreaterThan(0);
      // What is on disk is what is kept, but for what the next check takes.
      const segments = (await readdir(join(directory, "data", "t-0"))).filter((name) =>
        name.endsWith(".log"),
      );
      expect(segments.length * 10_000).toBeLessThan(3 * KEPT_BYTES);
      expect(await gateway.kill("SIGTERM")).toMatchObject({ code: 0 });
      gateway = undefined;
    },
  );
});

async function topicAt(kafkaPort: number): Promise<string> {
  const client = await ProtocolClient.tcp(kafkaPort);
  const id = await createTopic(client, "t");
  await client.close();
  return id;
}

/** Reads the history from the first offset on, again and again until the gateway is gone. Answers how many pieces had records. */
async function readHistories(httpPort: number, topicId: string, exited: Promise<unknown>): Promise<number> {
  let isGone = false;
  void exited.then(() => (isGone = true));
  let withRecords = 0;
  while (!isGone) {
    const body = await fetch(`http://127.0.0.1:${httpPort}/log/${topicId}/0?from=0`)
      .then(async (response) => {
        expect(response.status).toBe(200);
        return new Uint8Array(await response.arrayBuffer());
      })
      .catch((error: unknown) => {
        // Killed in the middle; whatever else it is shows below.
        if (error instanceof TypeError) return undefined;
        throw error;
      });
    if (body === undefined) {
      await exited;
      return withRecords;
    }
    let next = 0n;
    for (const message of new FrameReader({ frameBytesMax: 2 ** 24 }).push(body)) {
      const { from, to, errorCode, records } = decodePush(message);
      expect([from, to > from]).toEqual([next, true]);
      expect([ErrorCode.NONE, ErrorCode.OFFSET_OUT_OF_RANGE]).toContain(errorCode);
      expect(records.byteLength > 0).toBe(errorCode === ErrorCode.NONE);
      if (errorCode === ErrorCode.NONE) withRecords++;
      next = to;
    }
  }
  return withRecords;
}
