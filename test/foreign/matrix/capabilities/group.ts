/**
 * Three processes of one client share a topic as a group while records are written all the time; one of them is killed.
 * The others take over its partitions where its commits say, and no record is missing.
 */
import { afterAll, beforeAll, expect, test } from "vitest";
import { kafkajsClient } from "../../clients/kafkajs.ts";
import { serve, type Served } from "../../served.ts";
import { available, matrix, topicOf, withClient } from "../bench.ts";
import type { ClientKind } from "../client.ts";
import { Feeder } from "../feeder.ts";
import { MemberProcess } from "../member-process.ts";

const PARTITIONS = 6;
const MEMBERS = 3;
/** Shorter than a test may take, so that what was seen is told. */
const STUCK_MS = 150_000;
const partitions = Array.from({ length: PARTITIONS }, (_, partition) => partition);

export function groupOfThree(): void {
  let served: Served;
  beforeAll(async () => void (served = await serve("--config", `num.partitions=${PARTITIONS}`)));
  afterAll(() => served.dispose());

  for (const kind of available) {
    test.concurrent(kind.name, async () => {
      await loseOneOfThree(kind, served.broker);
      matrix.shown(kind, "group");
    });
  }
}

async function loseOneOfThree(kind: ClientKind, broker: string): Promise<void> {
  const topic = topicOf(kind, "shared");
  const group = topicOf(kind, "three");
  const feeder = await Feeder.start(broker, topic, PARTITIONS);
  const program = await withClient(kind, broker, (client) => Promise.resolve(client.member(topic, group)));
  const members = Array.from({ length: MEMBERS }, () => new MemberProcess(program));
  /** Resolves when this holds, which it is asked whenever a member has read something; rejects when it no longer can. */
  const until = async (isSo: () => boolean): Promise<void> => {
    let timer: NodeJS.Timeout | undefined;
    const soOrNever = new Promise<void>((resolve, reject) => {
      const look = (): void => void (isSo() && resolve());
      for (const member of members) {
        member.onRead = look;
        void member.ended.then((said) => reject(new Error(`a member of ${kind.name} has ended: ${said}`)));
      }
      feeder.failed.catch(reject);
      timer = setTimeout(() => {
        const last = members.map((member) => partitions.map((each) => member.lastOf(each)).join(" "));
        reject(
          new Error(`written: ${feeder.ends().join(" ")}; members have read up to: ${last.join(" | ")}`),
        );
      }, STUCK_MS);
      look();
    });
    await soOrNever.finally(() => clearTimeout(timer));
  };

  try {
    // Who has read the newest record of a partition that anybody has read, has it.
    const owner = (partition: number): MemberProcess | undefined => {
      const last = Math.max(...members.map((member) => member.lastOf(partition)));
      return last < 0 ? undefined : members.find((member) => member.lastOf(partition) === last);
    };
    const allShare = (): boolean => {
      const owners = partitions.map(owner);
      return !owners.includes(undefined) && new Set(owners).size === MEMBERS;
    };
    await until(allShare);
    // What a member had read ahead in another generation may come late: from here on, all that is written is theirs.
    for (const member of members) member.forget();
    const shared = feeder.ends();
    await until(
      () => allShare() && partitions.every((each) => (owner(each)?.lastOf(each) ?? -1) > (shared[each] ?? 0)),
    );
    const committed = await committedOffsets(broker, group, topic);
    const [victim, ...others] = members as [MemberProcess, MemberProcess, MemberProcess];
    const inherited = partitions.filter((partition) => owner(partition) === victim);
    expect(inherited).not.toEqual([]);
    const killed = victim.kill();
    for (const other of others) other.forget();
    await killed;
    const ends = feeder.ends();

    // All partitions are read again, past everything that was there when the process died.
    const isPast = (partition: number, end: number): boolean =>
      others.some((member) => member.lastOf(partition) >= end);
    await until(() => partitions.every((partition) => isPast(partition, ends[partition] ?? 0)));
    const finalEnds = await feeder.stop();
    await until(() => partitions.every((partition) => isPast(partition, (finalEnds[partition] ?? 0) - 1)));

    for (const partition of inherited) {
      const first = Math.min(...others.map((member) => member.firstOf(partition)));
      // What it had committed is not read again, and what it had not read is not skipped.
      expect(first, `partition ${partition}`).toBeGreaterThanOrEqual(committed[partition] ?? 0);
      expect(first, `partition ${partition}`).toBeLessThanOrEqual(victim.lastOf(partition) + 1);
    }
    for (const partition of partitions) {
      const read = new Set(members.flatMap((member) => member.everRead(partition)));
      const end = finalEnds[partition] ?? 0;
      const missing = Array.from({ length: end }, (_, offset) => offset).filter(
        (offset) => !read.has(offset),
      );
      expect(missing, `partition ${partition}`).toEqual([]);
    }
  } finally {
    await feeder.stop();
    await Promise.all(members.map((member) => member.kill()));
  }
}

/** The group's committed offsets by partition; 0 where there is none. */
async function committedOffsets(broker: string, groupId: string, topic: string): Promise<number[]> {
  const admin = kafkajsClient(broker).admin();
  await admin.connect();
  const [fetched] = await admin.fetchOffsets({ groupId, topics: [topic] });
  await admin.disconnect();
  return partitions.map((partition) => {
    const committed = fetched?.partitions.find((each) => each.partition === partition);
    return Math.max(0, Number(committed?.offset ?? 0));
  });
}
