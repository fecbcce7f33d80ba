/**
 * Producers and members of a group as processes of their own, on a real gateway with real files: all of them are killed, and
 * some stopped and let go on, again and again. RIVULET_CRASHES says how often the gateway is killed (3), RIVULET_SEED repeats
 * what was random; what is hit when is up to the machine. The simulator's checker judges what they have told.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createTopic, fetchFrom } from "../gateway/batches.ts";
import { ProtocolClient } from "../gateway/protocol-client.ts";
import { spawnGateway, type SpawnedGateway } from "../gateway/spawn-gateway.ts";
import { check } from "../sim/checker/check.ts";
import type { FinalGroup, FinalPartition } from "../sim/history.ts";
import { Random } from "../sim/kernel/random.ts";
import { storedRecords } from "../sim/read-partitions.ts";
import { bundleClient, Crowd, type Life } from "./crowd.ts";
import { machineMs } from "./real-time.ts";

const CRASHES = Number(process.env["RIVULET_CRASHES"] ?? 3);
const SEED = Number(process.env["RIVULET_SEED"] ?? Date.now() % 2 ** 31);
const ROUND_MS = 20_000;
const ENDING_MS = 90_000;
const TOPIC = "orders";
const PARTITIONS = 4;
const GROUP = "readers";
const SETTINGS = {
  "log.segment.bytes": "30000",
  "offsets.topic.segment.bytes": "20000",
  "group.min.session.timeout.ms": "1000",
};

/** Who there is, in one life after the other. */
const PLACES = ["producer-1", "producer-2", "member-1", "member-2", "static-1"] as const;
type Place = (typeof PLACES)[number];

describe(`a gateway that is killed ${CRASHES} times, and its clients (RIVULET_SEED=${SEED})`, () => {
  let directory: string;
  let gateway: SpawnedGateway | undefined;
  let crowd: Crowd | undefined;

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), "rivulet-groups-"));
  });
  afterEach(async () => {
    await crowd?.killAll();
    await gateway?.kill("SIGKILL");
    await rm(directory, { recursive: true, force: true });
  });

  test(
    "lose no record and no commit, write none twice, and give no partition to two members of one generation",
    { timeout: 120_000 + ENDING_MS + CRASHES * ROUND_MS },
    async () => {
      const random = new Random(SEED);
      const people = (crowd = new Crowd(await bundleClient()));
      const args = ["--data-dir", join(directory, "data")];
      for (const [name, value] of Object.entries(SETTINGS)) args.push("--config", `${name}=${value}`);
      gateway = await spawnGateway(args);
      const { kafkaPort } = gateway;
      // Clients find it again where it was.
      args.push("--kafka-port", String(kafkaPort));
      const topicId = await topicAt(kafkaPort);
      people.events.push({ kind: "topic created", topic: TOPIC, topicId, atMs: machineMs() });

      const lives = new Map<Place, number>();
      const start = (place: Place): Life => {
        const life = (lives.get(place) ?? 0) + 1;
        lives.set(place, life);
        const instanceId = place.startsWith("static") ? place : null;
        const sessions = { sessionTimeoutMs: 2000, rebalanceTimeoutMs: 2000 };
        const group = { groupId: GROUP, topics: [TOPIC], instanceId, ...sessions };
        return people.start(place, {
          name: `${place}.${life}`,
          kafkaPort,
          seed: random.below(2 ** 31),
          topics: [{ name: TOPIC, partitions: PARTITIONS }],
          ...(place.startsWith("producer") ? {} : { group }),
        });
      };
      const killOne = async (place: Place, life: Life): Promise<void> => {
        await people.kill(life);
        start(place);
      };
      /** Members that were stopped, and are ended some time after they went on. */
      const stopped: Promise<void>[] = [];
      const counts = { killed: 0, stopped: 0, replaced: 0 };
      const harm = async (place: Place): Promise<void> => {
        const life = people.lives.get(place);
        if (life === undefined) return;
        if (random.chance(0.6)) {
          counts.killed += 1;
          return killOne(place, life);
        }
        counts.stopped += 1;
        const isReplaced = place.startsWith("static") && random.chance(0.7);
        life.child.kill("SIGSTOP");
        if (isReplaced) {
          counts.replaced += 1;
          start(place);
        }
        const [awayMs, backMs] = [random.between(100, 4000), random.between(50, 1000)];
        stopped.push(
          setTimeout(awayMs).then(async () => {
            life.child.kill("SIGCONT");
            if (!isReplaced) return;
            await setTimeout(backMs);
            await people.kill(life);
          }),
        );
      };

      for (const place of PLACES) start(place);
      for (let crash = 0; crash < CRASHES; crash++) {
        // Mostly when the group has come together again.
        const [kind, most] = random.chance(0.7)
          ? (["commit taken", 12] as const)
          : (["acknowledged", 60] as const);
        await within(ENDING_MS, `a ${kind}`, people.heard(kind, random.between(1, most)));
        if (random.chance(0.7)) await harm(random.pick(PLACES));
        if (random.chance(0.3)) await harm(random.pick(PLACES));
        await setTimeout(random.between(0, 300));
        await gateway.kill("SIGKILL");
        if (random.chance(0.2)) await harm(random.pick(PLACES));
        gateway = await spawnGateway(args);
      }
      await Promise.all(stopped);

      for (const { child } of people.lives.values()) child.stdin?.write("calm\n");
      await until(() => whoProduces(people), ENDING_MS);
      const partitions = await readAll(kafkaPort, topicId);
      await until(() => whatIsUnread(people, partitions), ENDING_MS);
      const groups = [finalGroup(people)];
      await people.killAll();
      expect(people.wrong).toEqual([]);
      const events = people.events.toSorted((a, b) => a.atMs - b.atMs);
      const history = { events, partitions, groups, replicas: [], outboxes: [], readers: [] };
      expect(check(history, { relaxedTopics: new Set() })).toEqual([]);
      for (const { records } of partitions) expect(records.length).toBeGreaterThan(0);
      const number = (kind: string): number => events.filter((event) => event.kind === kind).length;
      console.info(
        `gateway killed ${CRASHES} times (seed ${SEED}), clients ${counts.killed} times, stopped ${counts.stopped} times ` +
          `(${counts.replaced} of them replaced meanwhile): ${number("acknowledged")} records acknowledged, ` +
          `${number("assigned")} assignments in ${Math.max(...events.map((event) => (event.kind === "assigned" ? event.generation : 0)))} generations, ` +
          `${number("commit taken")} commits taken, ${number("commit refused")} refused, ${number("read")} records read`,
      );
      expect(await gateway.kill("SIGTERM")).toMatchObject({ code: 0 });
      gateway = undefined;
    },
  );
});

async function topicAt(kafkaPort: number): Promise<string> {
  const client = await ProtocolClient.tcp(kafkaPort);
  const topicId = await createTopic(client, TOPIC, PARTITIONS);
  await client.close();
  return topicId;
}

/** A producer that waits for answers still, in words; undefined: all that was sent is acknowledged. */
function whoProduces({ lives }: Crowd): string | undefined {
  for (const [place, { waits }] of lives)
    if (place.startsWith("producer") && waits !== null)
      return `${place} waits for ${waits ?? "the word to end"}`;
  return undefined;
}

/** What the group has not read or not committed, in words; undefined: its members are in one generation, and at the end. */
function whatIsUnread({ lives, events }: Crowd, partitions: readonly FinalPartition[]): string | undefined {
  const generations = new Set<number | undefined>();
  for (const [place, { waits, assigned }] of lives) {
    if (waits !== null) return `${place} waits for ${waits ?? "the word to end"}`;
    if (!place.startsWith("producer")) generations.add(assigned?.generation);
  }
  if (generations.size !== 1) return `generations ${[...generations].join(", ")}`;
  for (const { partition, highWatermark } of partitions) {
    const told = events.findLast((event) => event.kind === "committed told" && event.partition === partition);
    const committed = told?.kind === "committed told" ? told.offset : undefined;
    if (committed !== highWatermark)
      return `partition ${partition} ends at ${highWatermark}, and ${committed ?? "nothing"} is committed`;
  }
  return undefined;
}

/** Rejects when it takes longer. */
async function within<T>(limitMs: number, what: string, work: Promise<T>): Promise<T> {
  const given = new AbortController();
  const late = setTimeout(limitMs, undefined, given).then(() => {
    throw new Error(`there was not ${what} within ${limitMs} ms`);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    late.catch(() => {});
    given.abort();
  }
}

async function until(open: () => string | undefined, limitMs: number): Promise<void> {
  const endMs = performance.now() + limitMs;
  while (open() !== undefined) {
    if (performance.now() > endMs) throw new Error(`still after ${limitMs} ms: ${open() ?? "nothing"}`);
    await setTimeout(100);
  }
}

function finalGroup({ lives }: Crowd): FinalGroup {
  const members = [...lives.values()].flatMap(({ assigned }) =>
    assigned === undefined
      ? []
      : [{ memberId: assigned.memberId, generation: assigned.generation, partitions: assigned.partitions }],
  );
  return { groupId: GROUP, topics: [TOPIC], members };
}

async function readAll(kafkaPort: number, topicId: string): Promise<FinalPartition[]> {
  const client = await ProtocolClient.tcp(kafkaPort);
  const partitions: FinalPartition[] = [];
  for (let partition = 0; partition < PARTITIONS; partition++) {
    const records = [];
    for (;;) {
      const { records: bytes, highWatermark } = await fetchFrom(client, TOPIC, BigInt(records.length), {
        partition,
      });
      records.push(...storedRecords(bytes ?? new Uint8Array(0)));
      if (BigInt(records.length) < highWatermark) continue;
      partitions.push({ topic: TOPIC, topicId, partition, logStartOffset: 0n, highWatermark, records });
      break;
    }
  }
  await client.close();
  return partitions;
}
