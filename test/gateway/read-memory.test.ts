/** Memory that reads of the log share one after the other: nobody's answer may change under it. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { LentMemory } from "../../log/lent-memory.ts";
import { Random } from "../engine/random.ts";
import { batchOf, createTopic, fetchFrom, produceTo } from "./batches.ts";
import { ProtocolClient } from "./protocol-client.ts";
import { startTestGateway, type TestGateway } from "./start-gateway.ts";

const MIB = 2 ** 20;

describe("the memory of reads", () => {
  const memory = (): LentMemory =>
    new LentMemory({
      allocate: (length) => new Uint8Array(length),
      sizeMin: MIB / 16,
      keptBytesMax: 32 * MIB,
    });

  it("fills again what was given back, for reads of about its size", () => {
    const reads = memory();
    const first = reads.take(MIB);
    reads.giveBack(first.subarray(100, 200));
    const smaller = reads.take(MIB / 2);
    expect(smaller.buffer).not.toBe(first.buffer);
    const second = reads.take(MIB - 1000);
    expect(second.buffer).toBe(first.buffer);
    expect(second).toHaveLength(MIB - 1000);
  });

  it("gives nothing to two", () => {
    const reads = memory();
    const first = reads.take(MIB);
    reads.giveBack(first);
    reads.giveBack(first);
    const buffers = new Set([reads.take(MIB).buffer, reads.take(MIB).buffer, reads.take(MIB).buffer]);
    expect(buffers.size).toBe(3);
  });

  it("takes nothing that is others'", () => {
    const reads = memory();
    const others = new Uint8Array(MIB);
    reads.giveBack(others);
    reads.giveBack(reads.take(1000));
    expect(reads.take(MIB).buffer).not.toBe(others.buffer);
  });

  it("keeps no more than 32 MiB", () => {
    const reads = memory();
    const taken = Array.from({ length: 40 }, () => reads.take(MIB));
    for (const bytes of taken) reads.giveBack(bytes);
    const buffers = new Set(taken.map(({ buffer }) => buffer));
    const again = Array.from({ length: 40 }, () => reads.take(MIB));
    expect(again.filter(({ buffer }) => buffers.has(buffer))).toHaveLength(32);
  });

  it("keeps what is asked for now, not what many readers of another size have left behind", () => {
    const reads = memory();
    const left = Array.from({ length: 600 }, () => reads.take(MIB / 16));
    for (const bytes of left) reads.giveBack(bytes);
    const taken = Array.from({ length: 20 }, () => reads.take(MIB));
    for (const bytes of taken) reads.giveBack(bytes);
    const buffers = new Set([...left, ...taken].map(({ buffer }) => buffer));
    const isAgain = ({ buffer }: Uint8Array): boolean => buffers.has(buffer);
    expect(Array.from({ length: 20 }, () => reads.take(MIB)).every(isAgain)).toBe(true);
    // 12 MiB of those of before are there still.
    const again = Array.from({ length: 600 }, () => reads.take(MIB / 16)).filter(isAgain);
    expect(again).toHaveLength(12 * 16);
  });
});

describe("answers that clients take late", () => {
  let gateway: TestGateway;
  beforeEach(async () => {
    gateway = await startTestGateway();
  });
  afterEach(() => gateway.stop());

  const PARTITIONS = 4;
  it.each(["TCP", "WebSocket"])(
    "are as they were read, whatever others read meanwhile: %s",
    async (transport) => {
      const connect = (): Promise<ProtocolClient> =>
        transport === "TCP"
          ? ProtocolClient.tcp(gateway.kafkaPort)
          : ProtocolClient.webSocket(gateway.httpPort);
      const random = new Random(1);
      const eager = await connect();
      await createTopic(eager, "t", PARTITIONS);
      for (let at = 0; at < PARTITIONS * 40; at++)
        await produceTo(eager, "t", batchOf([random.bytes(30_000)]), { partition: at % PARTITIONS });
      const read = async (client: ProtocolClient, partition: number): Promise<Buffer> => {
        const { errorCode, records } = await fetchFrom(client, "t", 0n, { partition });
        expect(errorCode).toBe(0);
        return Buffer.from(records ?? []);
      };
      const written: Buffer[] = [];
      for (let partition = 0; partition < PARTITIONS; partition++) written.push(await read(eager, partition));
      expect(written.every(({ length }) => length > MIB / 2)).toBe(true);

      const late: { client: ProtocolClient; answers: Promise<Buffer>[] }[] = [];
      for (let partition = 0; partition < PARTITIONS; partition++) {
        const client = await connect();
        client.pause();
        late.push({ client, answers: Array.from({ length: 6 }, () => read(client, partition)) });
      }
      for (let round = 0; round < 5; round++)
        for (const [partition, bytes] of written.entries())
          expect((await read(eager, partition)).equals(bytes)).toBe(true);
      for (const [partition, { client, answers }] of late.entries()) {
        client.resume();
        const bytes = written[partition];
        for (const answer of answers) expect(bytes?.equals(await answer)).toBe(true);
        await client.close();
      }
      await eager.close();
    },
  );
});
