import type { BrowserContext } from "playwright";
import { once } from "node:events";
import { lstatSync } from "node:fs";
import { cp, mkdtemp, rm } from "node:fs/promises";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { ForeignRecord } from "../foreign/clients/client.ts";
import { kafkajsForeign } from "../foreign/clients/kafkajs.ts";
import { kcat, runKcat } from "../foreign/clients/kcat.ts";
import { platformatic } from "../foreign/clients/platformatic.ts";
import { spawnGateway, type SpawnedGateway } from "../gateway/spawn-gateway.ts";
import { dumpDataDirectory } from "../tools/dump-data-directory.ts";
import { describeWith } from "../tools/require-tool.ts";
import {
  cutBack,
  logBytes,
  readSyncJournal,
  survivors,
  type Boundary,
  type IndexDamage,
} from "./power-loss.ts";
import { startProducerRun } from "./producer-run.ts";
import { narrator } from "./narrator.ts";
import { findRealFile } from "./real-file.ts";
import { openBrowser, Tab, type SeenRecord } from "./tab.ts";

const TOPIC = "log";
const PARTITION_DIRECTORY = `${TOPIC}-0`;
const DRAFTS = 100;
const DRAFT_KEY = "draft";
// Small segments and dense indexes, so that the walk rolls some.
const SETTINGS = ["--config", "log.segment.bytes=40000", "--config", "log.index.interval.bytes=1000"];

const SLOW_DISK = new URL("./slow-disk.mjs", import.meta.url).href;

describeWith(["kcat", "chromium", "kafka-tools"], "the walk", () => {
  let directory: string;
  let gateway: SpawnedGateway | undefined;
  let browser: BrowserContext | undefined;
  let say: (text: string) => void;

  beforeEach(async ({ task }) => {
    directory = await mkdtemp(join(tmpdir(), "rivulet-walk-"));
    say = narrator(task.name);
  });
  afterEach(async () => {
    await browser?.close();
    await gateway?.kill("SIGKILL");
    await rm(directory, { recursive: true, force: true });
  });

  test.each(["the process is killed", "the power is lost"])("%s", async (crash) => {
    const source = findRealFile();
    const dataDir = join(directory, "data");
    const partitionDirectory = join(dataDir, PARTITION_DIRECTORY);
    const journal = join(directory, "synced");
    const isPowerLost = crash === "the power is lost";
    const slowDisk = { NODE_OPTIONS: `--import=${SLOW_DISK}`, SLOW_DISK_JOURNAL: journal };
    const ports = ["--http-port", String(await freePort()), "--kafka-port", String(await freePort())];
    gateway = await spawnGateway(["--data-dir", dataDir, ...SETTINGS, ...ports], isPowerLost ? slowDisk : {});
    const partition = { broker: `127.0.0.1:${gateway.kafkaPort}`, topic: TOPIC, partition: 0 };
    const url = `http://127.0.0.1:${gateway.httpPort}/`;
    say(gateway.readyLine);

    // 1. A real file goes in through a foreign client.
    const firstRun = startProducerRun(partition.broker, TOPIC);
    await firstRun.write(source.lines);
    expect(await firstRun.end()).toMatchObject({ code: 0 });
    expect(firstRun.acknowledged.length).toBe(source.lines.length);
    say(`1. kcat has produced the ${source.lines.length} lines of ${source.path}: lz4, acks=all, idempotent`);

    // 2. It appears in a tab.
    browser = await openBrowser(join(directory, "browser"));
    let tab = await Tab.open(browser, url);
    await tab.canOpenOffline();
    await tab.follow();
    await tab.waitForSeen(source.lines.length);
    expect(texts(await tab.held())).toEqual(source.lines.map(latin1));
    expect((await tab.stored()).equals(await logBytes(partitionDirectory))).toBe(true);
    say(
      `2. the tab follows ${TOPIC}: what IndexedDB holds decodes to the same ${source.lines.length} lines, and is the gateway's files byte for byte`,
    );

    // 3. The gateway is killed in the middle of a second run.
    const secondRun = startProducerRun(partition.broker, TOPIC);
    const written = secondRun.write(source.lines);
    await expect
      .poll(() => secondRun.acknowledged.length, { interval: 1, timeout: 60_000 })
      .toBeGreaterThan(source.lines.length / 8);
    await tab.waitForSeen(source.lines.length + 1);
    await gateway.kill("SIGKILL");
    const acknowledged = [...secondRun.acknowledged];
    expect(acknowledged.length).toBeLessThan(source.lines.length);
    await written;
    await tab.waitForState("offline");
    const shown = await tab.seen();
    say(
      `3. killed with ${acknowledged.length} lines of a second run acknowledged; the tab was shown ${shown.length} records`,
    );

    const held = await tab.held();
    expect(held).toEqual(shown);
    await tab.publish(DRAFT_KEY, DRAFTS);
    await expect.poll(() => tab.outbox()).toEqual({ pending: DRAFTS, asking: 0 });
    await tab.close();
    if (isPowerLost) {
      // Where the power goes, the browser goes too.
      await browser.close();
      browser = await openBrowser(join(directory, "browser"));
    }
    tab = await Tab.open(browser, url);
    await tab.follow();
    await expect.poll(() => tab.outbox()).toEqual({ pending: DRAFTS, asking: 0 });
    expect(await tab.held()).toEqual(held);
    say(
      `   closed and opened again without a gateway: still ${held.length} records, ${DRAFTS} more in the outbox`,
    );

    // 3b. The same as a power loss leaves it: nothing that was acknowledged or shown may have been only written.
    const lines = [...source.lines, ...source.lines];
    if (isPowerLost) {
      const promised =
        [...acknowledged, ...shown.map(({ offset }) => offset)].reduce((a, b) => (a > b ? a : b)) + 1n;
      const left = await survivors(partitionDirectory, await readSyncJournal(journal));
      const [synced] = left;
      expect(synced?.nextOffset).toBeGreaterThanOrEqual(promised);
      for (const [index, boundary] of left.entries())
        await afterPowerLoss(dataDir, boundary, index, lines, shown);
      if (synced !== undefined) await cutBack(partitionDirectory, synced, { indexes: "lost" });
      say(
        `   acknowledged or shown up to ${promised}, synced up to ${synced?.nextOffset}, written up to ${left.at(-1)?.nextOffset}`,
      );
      say(
        `   each of ${left.length} cuts from there on recovers in order; going on with the files cut to the synced end`,
      );
    }

    // 4. It starts again, and everything comes out.
    gateway = await spawnGateway(["--data-dir", dataDir, ...SETTINGS, ...ports]);
    await tab.waitForEmptyOutbox();
    expect(await tab.outbox()).toEqual({ pending: 0, asking: 0 });
    expect(await secondRun.end()).toMatchObject({ code: 0 });
    expect(secondRun.acknowledged.length).toBe(source.lines.length);
    const total = lines.length + DRAFTS;
    expect(await endOf(partition.broker)).toBe(BigInt(total));
    const log = await kcat.consume(partition, 0n, total);
    expect(log.map(({ offset }) => offset)).toEqual(log.map((_, index) => BigInt(index)));
    expect(bytesOf(log.filter(({ key }) => key === null))).toEqual(lines.map(latin1));
    const drafts = log.filter(({ key }) => key !== null);
    expect(bytesOf(drafts)).toEqual(Array.from({ length: DRAFTS }, (_, index) => `${DRAFT_KEY} ${index}`));
    // One offset means one record for ever: to kcat, which was told where each line stands, and to the tab.
    secondRun.acknowledged.forEach((offset, index) =>
      expect(latin1(log[Number(offset)]?.value)).toBe(latin1(source.lines[index])),
    );
    expect(texts(shown)).toEqual(bytesOf(log.slice(0, shown.length)));
    await tab.waitForSeen(total);
    expect(texts(await tab.held())).toEqual(bytesOf(log));
    say(
      `4. started again: kcat -C reads ${lines.length} lines, each once and in order, and the ${DRAFTS} records of the tab`,
    );

    // 6. Other clients on the same topic.
    const more = { kafkajs: records("kafkajs"), platformatic: records("platformatic") };
    await kafkajsForeign.produce(partition, more.kafkajs, "lz4");
    await platformatic.produce(partition, more.platformatic, "none");
    const whole = bytesOf([...log, ...more.kafkajs, ...more.platformatic]);
    for (const reader of [kcat, kafkajsForeign, platformatic]) {
      const read = await reader.consume(partition, 0n, whole.length);
      expect(bytesOf(read), reader.name).toEqual(whole);
    }
    await tab.waitForSeen(whole.length);
    expect(texts(await tab.held())).toEqual(whole);
    expect((await tab.stored()).equals(await logBytes(partitionDirectory))).toBe(true);
    say(
      `6. kafkajs and @platformatic/kafka have written ${whole.length - total} records; all clients and the tab read ${whole.length}`,
    );

    // 5. Kafka's own tool has the last word.
    await browser.close();
    browser = undefined;
    expect(await gateway.kill("SIGTERM")).toMatchObject({ code: 0 });
    gateway = undefined;
    const { partitions } = await dumpDataDirectory(dataDir);
    const files = partitions.get(PARTITION_DIRECTORY) ?? [];
    expect(files.flatMap((file) => file.records).length).toBe(whole.length);
    const segments = files.filter(({ name }) => name.endsWith(".log")).length;
    expect(segments).toBeGreaterThan(1);
    say(`5. DumpLogSegments accepts all ${segments} segments and their indexes`);
  });

  /** Starts a gateway on a copy that was cut at `boundary`, with a torn batch behind it, and reads what is left. */
  async function afterPowerLoss(
    dataDir: string,
    boundary: Boundary,
    index: number,
    lines: readonly Buffer[],
    shown: readonly SeenRecord[],
  ): Promise<void> {
    const copy = join(directory, `cut-${index}`);
    // Without the sign of the gateway that held the directory, which is a socket.
    await cp(dataDir, copy, { recursive: true, filter: (path) => !lstatSync(path).isSocket() });
    const damages: readonly IndexDamage[] = ["none", "lost", "zeros"];
    const indexes = damages[index % damages.length] ?? "none";
    await cutBack(join(copy, PARTITION_DIRECTORY), boundary, {
      tornBytes: [0, 7, 61][index % 3] ?? 0,
      indexes,
    });
    const survivor = await spawnGateway(["--data-dir", copy, ...SETTINGS]);
    try {
      const broker = `127.0.0.1:${survivor.kafkaPort}`;
      expect(await endOf(broker)).toBe(boundary.nextOffset);
      const left = await kcat.consume(
        { broker, topic: TOPIC, partition: 0 },
        0n,
        Number(boundary.nextOffset),
      );
      expect(bytesOf(left)).toEqual(lines.slice(0, left.length).map(latin1));
      expect(texts(shown)).toEqual(bytesOf(left.slice(0, shown.length)));
    } finally {
      expect(await survivor.kill("SIGTERM")).toMatchObject({ code: 0 });
    }
    await dumpDataDirectory(copy);
    await rm(copy, { recursive: true });
  }
});

/** A port to come back to: one that the gateway takes by itself is not meant to be taken again at once. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

async function endOf(broker: string): Promise<bigint> {
  const said = (await runKcat(broker, ["-Q", "-t", `${TOPIC}:0:-1`])).toString();
  return BigInt(/offset (\d+)/.exec(said)?.[1] ?? "-1");
}

function records(name: string): ForeignRecord[] {
  return Array.from({ length: 500 }, (_, index) => ({
    key: Buffer.from(name),
    value: Buffer.from(`${name} ${index}`),
    headers: [],
  }));
}

/** Bytes as text, one character a byte, so that a difference can be read. */
function latin1(bytes: Buffer | null | undefined): string {
  return bytes?.toString("latin1") ?? "";
}

function bytesOf(records: readonly ForeignRecord[]): string[] {
  return records.map(({ value }) => latin1(value));
}

function texts(seen: readonly SeenRecord[]): string[] {
  return seen.map(({ value }) => value);
}
