/**
 * A gateway that may have 256 descriptors, with more partitions and more clients than that: nothing fails but what is
 * refused in words.
 */
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { ConnectionQuota } from "../../../gateway/clients/connection-quota.ts";
import { descriptorLimit, limitOf, shareDescriptors, TOLD_MAX } from "../../../gateway/open-files.ts";
import { PASSING_MAX } from "../../../gateway/store/file-store.ts";
import { apiVersions } from "../../../wire/apis/api-versions.ts";
import { batchOf, createTopic, fetchFrom, produceTo } from "../batches.ts";
import { ProtocolClient } from "../protocol-client.ts";
import { spawnGateway, type SpawnedGateway } from "../spawn-gateway.ts";

const LIMIT = 256;
const PARTITIONS = 150;
const SHARES = shareDescriptors(LIMIT);
/** More than may stay, over each listener. */
const CROWD = 2 * LIMIT;

describe.skipIf(process.platform === "win32")(
  `a gateway with ${LIMIT} descriptors`,
  { timeout: 120_000 },
  () => {
    let directory: string;
    let gateway: SpawnedGateway;
    let client: ProtocolClient;

    beforeAll(async () => {
      directory = await mkdtemp(join(tmpdir(), "rivulet-many-"));
      const inside = ["sh", "-c", `ulimit -n ${LIMIT}; exec "$@"`, "sh"];
      gateway = await spawnGateway(["--data-dir", join(directory, "data")], {}, inside);
      client = await ProtocolClient.tcp(gateway.kafkaPort);
      await createTopic(client, "t", PARTITIONS);
    }, 60_000);

    afterAll(async () => {
      const { code, stderr } = await gateway.kill("SIGTERM");
      await rm(directory, { recursive: true });
      // No partition was fenced, and what was open was closed.
      expect(code).toBe(0);
      expect(stderr).not.toMatch(/EMFILE|takes no more records|a fault of the gateway/);
    }, 60_000);

    /** Every partition is written and read, by so many clients at once. Answers how many records came back. */
    async function useAll(clients: readonly ProtocolClient[]): Promise<number> {
      let read = 0;
      const use = async (partition: number): Promise<void> => {
        const own = clients[partition % clients.length] ?? client;
        const { errorCode, baseOffset } = await produceTo(own, "t", batchOf(["v"]), { partition });
        expect(errorCode).toBe(0);
        const { values } = await fetchFrom(own, "t", baseOffset, { partition, maxWaitMs: 0 });
        read += values.length;
      };
      await Promise.all(Array.from({ length: PARTITIONS }, (_, partition) => use(partition)));
      return read;
    }

    test("writes and reads more partitions at once than it may have files open", async () => {
      expect(SHARES.files).toBeLessThan(PARTITIONS);
      for (let round = 0; round < 3; round++) expect(await useAll([client])).toBe(PARTITIONS);
    });

    test("refuses Kafka clients beyond its share, serves those that are there, and takes others when they go", async () => {
      const crowd = await crowdOf(gateway.kafkaPort);
      const served = await crowd.served();
      expect(served.length).toBe(SHARES.connections - 1);
      expect(crowd.refused).toBe(CROWD - served.length);
      expect(await useAll(served)).toBe(PARTITIONS);
      await vi.waitFor(() =>
        expect(said()).toContain(
          `the limit of ${LIMIT} open files (ulimit -n) leaves room for ${SHARES.connections}`,
        ),
      );
      // A browser is told so, and who asks how the gateway is gets an answer.
      await expect(ProtocolClient.webSocket(gateway.httpPort)).rejects.toThrow("503");
      expect((await fetch(`http://127.0.0.1:${gateway.httpPort}/healthz`)).status).toBe(200);

      await crowd.leave();
      const next = await vi.waitFor(() => answered(gateway.kafkaPort), { timeout: 30_000, interval: 100 });
      await next.close();
      const browser = await vi.waitFor(() => ProtocolClient.webSocket(gateway.httpPort), { timeout: 30_000 });
      expect((await browser.request(apiVersions, 0, {})).errorCode).toBe(0);
      await browser.close();
    });

    test("goes on for Kafka clients and for its files while HTTP is flooded with sockets", async () => {
      const flood = await crowdOf(gateway.httpPort);
      await vi.waitFor(() =>
        expect(flood.refused).toBeGreaterThanOrEqual(CROWD - SHARES.connections - TOLD_MAX),
      );
      expect(await useAll([client])).toBe(PARTITIONS);
      await flood.leave();
      const browser = await vi.waitFor(() => ProtocolClient.webSocket(gateway.httpPort), { timeout: 30_000 });
      await browser.close();
      // Every socket that came was counted out again: as many Kafka clients fit as before.
      const crowd = await vi.waitFor(
        async () => {
          const again = await crowdOf(gateway.kafkaPort);
          const { length } = await again.served();
          if (length < SHARES.connections - 1) await again.leave();
          expect(length).toBe(SHARES.connections - 1);
          return again;
        },
        { timeout: 30_000, interval: 500 },
      );
      await crowd.leave();
    });

    function said(): string {
      return gateway.output.stderr;
    }
  },
);

describe("descriptors are shared out", () => {
  test.each([128, 256, 1024, 20_000, 1_048_576])("of %d no side gets more than there are", (limit) => {
    const { files, connections } = shareDescriptors(limit);
    expect(files).toBeGreaterThan(0);
    expect(connections).toBeGreaterThan(0);
    expect(files + connections + PASSING_MAX + TOLD_MAX).toBeLessThan(limit);
  });

  test("fewer than it can serve with are refused in words", () => {
    expect(() => shareDescriptors(64)).toThrow("raise the limit (ulimit -n)");
  });

  test.each([
    ["Max open files            20000                1048576              files     ", 20_000],
    ["Max open files            unlimited            unlimited            files     ", undefined],
    ["Max processes             95871                95871                processes ", undefined],
    ["", undefined],
  ])("Linux's list of limits says how many there are: %s", (line, limit) => {
    expect(
      limitOf(`Limit                     Soft Limit           Hard Limit           Units     \n${line}\n`),
    ).toBe(limit);
  });

  test("where no limit is known, files stay bounded all the same", () => {
    expect(shareDescriptors(undefined).files).toBeLessThan(10_000);
    expect(descriptorLimit() ?? 128).toBeGreaterThanOrEqual(128);
  });
});

test("an operator hears of refused connections once, and then of all that have come since", () => {
  const told: unknown[] = [];
  let now = 0;
  const log = {
    info: () => {},
    error: () => {},
    warn: (message: string, fields = {}) => void told.push([message, fields]),
  };
  const quota = new ConnectionQuota({ max: 1, reason: "full", log, elapsedMs: () => now });
  expect([quota.take(), quota.take(), quota.take(1), quota.isExceeded]).toEqual([true, false, true, true]);
  for (let n = 0; n < 100; n++) quota.refused("kafka");
  now = 10_000;
  quota.refused("kafka");
  quota.giveBack();
  expect(quota.isExceeded).toBe(false);
  expect(told).toEqual([
    ["connections were refused: full", { listener: "kafka", refused: 1, open: 2 }],
    ["connections were refused: full", { listener: "kafka", refused: 100, open: 2 }],
  ]);
});

interface Crowd {
  /** Sockets that were closed by the other side. */
  readonly refused: number;
  /** Clients on the sockets that are still open, each answered once. */
  served(): Promise<ProtocolClient[]>;
  leave(): Promise<void>;
}

/** Opens sockets, all at once. */
async function crowdOf(port: number): Promise<Crowd> {
  let refused = 0;
  const sockets = Array.from({ length: CROWD }, () => connect({ port, host: "127.0.0.1" }));
  for (const socket of sockets) {
    socket.on("error", () => {});
    socket.once("close", () => refused++);
  }
  await Promise.all(sockets.map((socket) => Promise.race([once(socket, "connect"), once(socket, "close")])));
  return {
    get refused() {
      return refused;
    },
    served: async () => {
      const asked = sockets.map((socket) => askedOn(socket));
      return (await Promise.all(asked)).flatMap((one) => one ?? []);
    },
    leave: async () => {
      const open = sockets.filter((socket) => !socket.closed);
      await Promise.all(open.map((socket) => once(socket.destroy(), "close")));
    },
  };
}

/** A client that has been answered; undefined when it was closed instead. */
async function askedOn(socket: Socket): Promise<ProtocolClient | undefined> {
  if (socket.closed) return undefined;
  const client = ProtocolClient.on(socket);
  const answer = await client.request(apiVersions, 0, {}).catch(() => undefined);
  return answer === undefined ? undefined : client;
}

async function answered(port: number): Promise<ProtocolClient> {
  const client = await ProtocolClient.tcp(port);
  await client.request(apiVersions, 0, {});
  return client;
}
