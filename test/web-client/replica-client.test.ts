import { expect, test } from "vitest";
import { HistoryError } from "../../sync/history.ts";
import { Metadata } from "../../sync/metadata.ts";
import { Upstream } from "../../sync/upstream.ts";
import { gatewayAddress } from "../../web-client/address.ts";
import { browserHost } from "../../web-client/browser-host.ts";
import { allCode } from "../../web-client/client-code.ts";
import type { Device } from "../../web-client/core/device.ts";
import { MemoryDevice } from "../../web-client/core/memory-device.ts";
import { directoryStore } from "../../web-client/core/directory-store.ts";
import type { Leading } from "../../web-client/core/leading.ts";
import { TabLocks } from "../../web-client/core/locks.ts";
import { deleteUnkept, ReplicaClient, ReplicaKeeper } from "../../web-client/core/replica-client.ts";
import { text } from "../../web-client/core/serializer.ts";
import { openTabChannel } from "../../web-client/core/tab-channel.ts";
import type { TabChannel, TabMessage } from "../../web-client/core/tab-channel.ts";
import { openDevice } from "../../web-client/open-device.ts";
import { publishedHere } from "./published-here.ts";
import { loadEngine } from "../engine/load.ts";
import { FakeBroker } from "../sync/fake-broker.ts";
import { seeded, VirtualClock } from "../sync/virtual-clock.ts";

const engine = loadEngine();

async function setUp() {
  const clock = new VirtualClock();
  const broker = new FakeBroker(engine);
  const topic = broker.createTopic("orders");
  const upstream = new Upstream({ open: broker.open, clock, random: seeded(2), clientId: "t" });
  const device = new MemoryDevice("replica-client-test", seeded(3));
  const channel = openTabChannel(() => ({ post: () => undefined, close: () => undefined }));
  const store = directoryStore(await device.replicas("cluster-one"), `${topic.id}/`);
  const metadata = new Metadata(upstream);
  const writers = new TabLocks();
  const leading: Leading = {
    writers,
    whileLeading: (signal, work) => work({ upstream, metadata }, signal),
    deleteHeld: (replica) => deleteUnkept(replica, device, writers),
  };
  const keep = (): ReplicaKeeper =>
    new ReplicaKeeper({
      leading,
      metadata,
      random: seeded(4),
      history: () => {
        throw new HistoryError("no history");
      },
      engine,
      clock,
      device,
      channel,
      clusterId: "cluster-one",
      store,
      topic: "orders",
      topicId: topic.id,
      partitions: [0],
      isWhole: false,
      keep: {},
    });
  let written = 0;
  const append = (count: number): void => {
    for (let index = 0; index < count; index++) {
      const value = new TextEncoder().encode(`record ${written++}`);
      const options = { codec: 0, producerId: -1n, producerEpoch: -1, baseSequence: -1, bytesMax: 1 << 20 };
      topic.partitions[0]?.append(engine.writeBatch([{ key: null, value, timestamp: 1 }], options));
    }
    broker.pushAll();
  };
  const holds = (keeper: ReplicaKeeper, to: bigint): Promise<void> =>
    clock.until(
      (async () => {
        while (keeper.keepers[0]?.status.to !== to)
          await new Promise<void>((resolve) => clock.setTimer(50, resolve));
      })(),
      60_000,
    );
  const valuesIn = async (keeper: ReplicaKeeper): Promise<string[]> => {
    const values: string[] = [];
    for (const partition of keeper.keepers) {
      for await (const records of partition.read(0n)) {
        for (const { value } of records) values.push(new TextDecoder().decode(value ?? undefined));
      }
    }
    return values;
  };
  const close = async (): Promise<void> => {
    await upstream.close("done");
    channel.close();
  };
  return { clock, broker, device, keep, append, holds, valuesIn, close };
}

const records = (count: number): string[] => Array.from({ length: count }, (_, index) => `record ${index}`);

test("two replicas of one partition in one tab: one writes, the other reads along and takes over", async () => {
  const { clock, keep, append, holds, valuesIn, close } = await setUp();
  const first = keep();
  append(3);
  await holds(first, 3n);
  const second = keep();
  append(3);
  await holds(first, 6n);
  await holds(second, 6n);
  expect(await valuesIn(second)).toEqual(records(6));
  const third = keep();
  await clock.until(third.close());
  await clock.until(first.close());
  append(3);
  await holds(second, 9n);
  expect(await valuesIn(second)).toEqual(records(9));
  await clock.until(second.close());
  await close();
});

test("deleting a replica leaves alone what somebody else goes on writing", async () => {
  const { clock, keep, append, holds, valuesIn, close } = await setUp();
  const first = keep();
  append(3);
  await holds(first, 3n);
  const second = keep();
  await clock.until(first.close().then(() => first.deleteHeld()));
  append(3);
  await holds(second, 6n);
  expect(await valuesIn(second)).toEqual(records(6));
  await clock.until(second.close().then(() => second.deleteHeld()));
  const third = keep();
  await holds(third, 6n);
  expect(await valuesIn(third)).toEqual(records(6));
  await clock.until(third.close());
  await close();
});

test("waiting for a replica to catch up ends when its topic is gone", async () => {
  const { clock, broker, device, keep, append, holds, close } = await setUp();
  const keeper = keep();
  const replica = new ReplicaClient(keeper, { key: text(), value: text() }, publishedHere(device), () =>
    Promise.resolve(),
  );
  append(3);
  await holds(keeper, 3n);
  await clock.until(replica.caughtUp(), 60_000);
  broker.dropAll();
  broker.topics.delete("orders");
  const [partition] = keeper.keepers;
  await clock.until(
    (async () => {
      while (partition?.status.state !== "deleted")
        await new Promise<void>((resolve) => clock.setTimer(50, resolve));
    })(),
    60_000,
  );
  // What was told before is held: that is all there will ever be.
  await clock.until(replica.caughtUp(), 60_000);
  const late = keep();
  await clock.until(keeper.close());
  const waiting = new ReplicaClient(late, { key: text(), value: text() }, publishedHere(device), () =>
    Promise.resolve(),
  ).caughtUp();
  await expect(clock.until(waiting, 60_000)).rejects.toThrow(/partition 0 will not catch up: .*deleted/);
  await clock.until(late.close());
  await close();
});

test("two tabs without a shared store do not take each other's words for their own", async () => {
  const address = gatewayAddress("https://gateway.example/");
  const host = browserHost(address);
  const open = (): Promise<Device> =>
    openDevice(host, {
      account: address.http.href,
      principal: "anonymous",
      databases: undefined,
      code: allCode,
      onLost: () => undefined,
    });
  const [one, other] = await Promise.all([open(), open()]);
  const join = ({ name }: Device): TabChannel => openTabChannel((hear) => host.openPort(name, hear));
  const channels = [join(one), join(other)] as const;
  const heard: TabMessage[] = [];
  channels[1].hear((message) => heard.push(message));
  // Both have given a record of theirs the first id.
  channels[0].tell({ kind: "settled", settlement: { recordIds: [1], partition: 0, baseOffset: 7n } });
  const probe = new BroadcastChannel(other.name);
  probe.postMessage({ kind: "outbox" });
  while (heard.length === 0) await new Promise((resolve) => setImmediate(resolve));
  expect(heard).toEqual([{ kind: "outbox" }]);
  probe.close();
  for (const channel of channels) channel.close();
});
