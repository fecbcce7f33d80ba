/**
 * Real gateways, real files and real sockets, crashed again and again under load. RIVULET_CRASHES says how often (5),
 * RIVULET_SEED repeats what was random; when a crash strikes is up to the machine.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createTopic } from "../gateway/batches.ts";
import { ProtocolClient } from "../gateway/protocol-client.ts";
import { run, spawnGateway, type SpawnedGateway } from "../gateway/spawn-gateway.ts";
import { Random } from "../sim/kernel/random.ts";
import { readSyncJournal } from "../walk/power-loss.ts";
import { cutPower } from "./cut-power.ts";
import { Load } from "./load.ts";

const CRASHES = Number(process.env["RIVULET_CRASHES"] ?? 5);
const SEED = Number(process.env["RIVULET_SEED"] ?? Date.now() % 2 ** 31);
const ROUND_MS = 20_000;
// Small segments and dense indexes, so that every life rolls some.
const SETTINGS = ["--config", "log.segment.bytes=30000", "--config", "log.index.interval.bytes=500"];
const SLOW_DISK = new URL("../walk/slow-disk.mjs", import.meta.url).href;

describe(`${CRASHES} crashes under load (RIVULET_SEED=${SEED})`, () => {
  let directory: string;
  let gateway: SpawnedGateway | undefined;

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), "rivulet-crashes-"));
  });
  afterEach(async () => {
    await gateway?.kill("SIGKILL");
    await rm(directory, { recursive: true, force: true });
  });

  test.each(["the process is killed", "the power is lost"])(
    "lose nothing that was acknowledged or shown, and keep each record once and in order: %s",
    { timeout: 60_000 + CRASHES * ROUND_MS },
    async (crash) => {
      const isPowerLost = crash === "the power is lost";
      const random = new Random(SEED);
      const dataDir = join(directory, "data");
      const journal = join(directory, "synced");
      const args = ["--data-dir", dataDir, ...SETTINGS];
      const env: Record<string, string> = isPowerLost
        ? { NODE_OPTIONS: `--import=${SLOW_DISK}`, SLOW_DISK_JOURNAL: journal }
        : {};
      const loads = [0, 1].map((partition) => new Load("t", partition, random.fork(`load ${partition}`)));
      let lost = 0;
      const afterCrash = async (): Promise<void> => {
        if (isPowerLost) lost += await cutPower(dataDir, await readSyncJournal(journal), random);
      };

      for (let round = 0; round < CRASHES; round++) {
        if (round > 0 && random.chance(0.4)) {
          // It dies once more, somewhere in its recovery.
          const { child, exited } = run(args, env);
          await setTimeout(random.between(50, 600));
          child.kill("SIGKILL");
          await exited;
          await afterCrash();
        }
        gateway = await spawnGateway(args, env);
        const { kafkaPort } = gateway;
        if (round === 0) await createTopicAt(kafkaPort);
        else for (const load of loads) await load.check(kafkaPort);
        const lives = await Promise.all(loads.map((load) => load.start(kafkaPort)));
        await lives[0]?.acknowledged(random.between(1, 150));
        await gateway.kill("SIGKILL");
        await Promise.all(lives.map(({ over }) => over));
        await afterCrash();
      }

      gateway = await spawnGateway(args, env);
      const { kafkaPort } = gateway;
      const lives = await Promise.all(loads.map((load) => load.start(kafkaPort)));
      await Promise.all(lives.map((life) => life.finish()));
      for (const load of loads) expect(await load.check(kafkaPort)).toBe(load.acknowledged);
      expect(await gateway.kill("SIGTERM")).toMatchObject({ code: 0 });
      gateway = undefined;
      const records = loads.map(({ acknowledged }) => acknowledged).join(" + ");
      console.info(
        `${crash} ${CRASHES} times (seed ${SEED}): ${records} records, ${lost} unsynced bytes lost`,
      );
    },
  );
});

async function createTopicAt(kafkaPort: number): Promise<void> {
  const client = await ProtocolClient.tcp(kafkaPort);
  await createTopic(client, "t", 2);
  await client.close();
}
