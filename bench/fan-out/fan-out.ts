/**
 * Fan-out: records of 1 KiB to many WebSocket subscribers, one record per tick and sixteen per tick. Every server gets
 * its ticks from outside, over its own protocol, and runs in a process of its own; the audience runs in another. Rivulet
 * writes every tick to its log and syncs it before it pushes; no other server here does.
 */
import type { BenchSettings, Mode } from "../bench.ts";
import { withCleanup, type Defer } from "../cleanup.ts";
import { startChild, type Child } from "../child.ts";
import { startGateway } from "../gateway-process.ts";
import { interleave, ratio, type Contender, type Result, type Sample } from "../harness.ts";
import { cpuTimeMs } from "../machine.ts";
import type { Aim, BenchReport, TableCase } from "../report.ts";
import type { AudienceCommands, RunResult } from "./audience.ts";
import type { PeerCommands } from "./peers/peer.ts";
import type { Address } from "./protocol.ts";

export const DELIVERIES = "deliveries/s";
export const CPU = "server CPU µs/delivery";
const PER_FRAME = "records/frame";

const RIVULET = "rivulet push";
/** Written counts as synced, as with a Kafka broker's defaults: shows what waiting for the disk costs. */
const RIVULET_LAZY = "rivulet push, flush.ms=1000";
const BARE = "bare uWebSockets loop";
const WS_PLAIN = "ws";
const WS_FRAMED = "ws, one pre-framed write";
const SOCKET_IO = "socket.io room";

/** Scripts of the peers' servers, and how they are spoken to. */
const peers: readonly { name: string; script: string; protocol: Address["protocol"] }[] = [
  { name: BARE, script: "fan-out/peers/bare-uws", protocol: "plain" },
  { name: WS_PLAIN, script: "fan-out/peers/ws-plain", protocol: "plain" },
  { name: WS_FRAMED, script: "fan-out/peers/ws-framed", protocol: "plain" },
  { name: SOCKET_IO, script: "fan-out/peers/socket-io", protocol: "socket.io" },
];

interface Size {
  readonly subscribers: readonly number[];
  readonly recordsPerTick: readonly number[];
  readonly warmups: number;
  readonly rounds: number;
  /** About how long a round takes; 0: two ticks. */
  readonly roundMs: number;
}

const sizes: Readonly<Record<Mode, Size>> = {
  full: { subscribers: [100, 1000], recordsPerTick: [1, 16], warmups: 1, rounds: 7, roundMs: 600 },
  small: { subscribers: [10], recordsPerTick: [1, 16], warmups: 0, rounds: 1, roundMs: 0 },
};

/** Ticks under way: while one is being sent the next has come, and with Rivulet a third is on its way to the disk. */
const WINDOW_TICKS = 3;
const CHECK_TICKS = 4;

/** A server that takes part. */
interface Server {
  readonly name: string;
  readonly pid: number;
  readonly address: Address;
}

export function fanOutBench(settings: BenchSettings): Promise<BenchReport> {
  return withCleanup((defer) => compareServers(settings, defer));
}

async function compareServers(settings: BenchSettings, defer: Defer): Promise<BenchReport> {
  const size = sizes[settings.mode];
  const audience = await startChild<AudienceCommands>(settings.scripts, "fan-out/audience");
  defer(() => audience.stop());
  await audience.call("prepare", settings);

  const gateway = await startGateway(settings);
  defer(() => gateway.stop());
  const { pid } = gateway;
  const lazily = await gateway.createTopic("fan-out-lazy", { "flush.ms": "1000" });
  const servers: Server[] = [
    { name: RIVULET, pid, address: await gateway.createTopic("fan-out") },
    { name: RIVULET_LAZY, pid, address: lazily },
  ];
  for (const { name, script, protocol } of peers) {
    const peer = await startChild<PeerCommands>(settings.scripts, script);
    defer(() => peer.stop());
    servers.push({ name, pid: peer.pid, address: { protocol, port: await peer.call("listen", undefined) } });
  }

  let hash = "";
  for (const server of servers) hash = await checkValues(audience, server);

  const cases: { name: string; results: Result[] }[] = [];
  let deliveries = 0;
  for (const subscribers of size.subscribers) {
    const seats = await Promise.all(
      servers.map(async (server) => ({
        server,
        group: await audience.call("join", { address: server.address, subscribers }),
      })),
    );
    for (const recordsPerTick of size.recordsPerTick) {
      const contenders = seats.map(({ server, group }) =>
        contender(audience, server, { group, recordsPerTick, roundMs: size.roundMs }, (run) => {
          deliveries += run.deliveries;
        }),
      );
      const name = `${subscribers} x ${recordsPerTick}/tick`;
      cases.push({ name, results: await interleave(contenders, size) });
    }
    for (const { group } of seats) await audience.call("leave", group);
  }

  return {
    name: "fan-out of 1 KiB records",
    tables: [{ title: "fan-out", metrics: [DELIVERIES, CPU], ratioTo: BARE, cases }],
    aims: settings.mode === "full" ? cases.flatMap(aimsOf) : [],
    notes: [framesNote(cases)],
    // In full mode rounds are as long as they must be, so that this differs from run to run.
    counts:
      settings.mode === "full" ? { "values checked": CHECK_TICKS * 16 * servers.length } : { deliveries },
    hash,
  };
}

/** One subscriber gets some ticks, and must be handed the values that were published; answers their hash. */
async function checkValues(audience: Child<AudienceCommands>, { address, name }: Server): Promise<string> {
  const group = await audience.call("join", { address, subscribers: 1, values: true });
  const source = await audience.call("openSource", { address, recordsPerTick: 16 });
  await audience.call("run", { source, group, ticks: CHECK_TICKS, window: 1 });
  const hash = await audience.call("hashReceived", group);
  if (hash !== (await audience.call("hashPublished", source)))
    throw new Error(`${name} changed what was published`);
  await audience.call("closeSource", source);
  await audience.call("leave", group);
  return hash;
}

interface Seat {
  readonly group: number;
  /** Opened when it is left out. */
  readonly source?: number;
  readonly recordsPerTick: number;
  readonly roundMs: number;
}

/** A server with a group of subscribers, measured from outside: deliveries by the audience, CPU time by the system. */
export function contender(
  audience: Child<AudienceCommands>,
  { name, pid, address }: Server,
  { group, source: opened, recordsPerTick, roundMs }: Seat,
  onRun: (run: RunResult) => void = () => {},
): Contender {
  let source = opened ?? -1;
  let ticks = 2;
  const run = async (): Promise<RunResult> => {
    const result = await audience.call("run", { source, group, ticks, window: WINDOW_TICKS });
    onRun(result);
    return result;
  };
  return {
    name,
    prepare: async () => {
      if (opened === undefined) source = await audience.call("openSource", { address, recordsPerTick });
      if (roundMs === 0) return;
      for (;;) {
        const { milliseconds } = await run();
        if (milliseconds >= roundMs / 3) {
          ticks = Math.ceil((ticks * roundMs) / milliseconds);
          return;
        }
        ticks *= 2;
      }
    },
    round: async (): Promise<Sample> => {
      const cpuBefore = cpuTimeMs(pid);
      const { deliveries, frames, milliseconds } = await run();
      const cpuAfter = cpuTimeMs(pid);
      return {
        [DELIVERIES]: (deliveries * 1000) / milliseconds,
        [PER_FRAME]: deliveries / frames,
        ...(cpuBefore === undefined || cpuAfter === undefined
          ? {}
          : { [CPU]: ((cpuAfter - cpuBefore) * 1000) / deliveries }),
      };
    },
  };
}

/** Records that come while the last ones are being synced go out together: how often that was so, the reader must know. */
function framesNote(cases: readonly TableCase[]): string {
  const perCase = cases.map(({ name, results }) => {
    const perFrame = [RIVULET, RIVULET_LAZY].map((contender) => {
      const rivulet = results.find((result) => result.contender === contender);
      return rivulet?.metrics[PER_FRAME]?.median.toFixed(1);
    });
    return `${name} ${perFrame.join(" and ")}`;
  });
  return `records in one Push, synced at once and later: ${perCase.join(", ")}`;
}

function aimsOf({ name, results }: TableCase): Aim[] {
  const batched = name.endsWith("16/tick");
  const bounds = { [BARE]: 0.8, ...(batched ? { [WS_PLAIN]: 10, [SOCKET_IO]: 25 } : {}) };
  return Object.entries(bounds).map(([peer, bound]) => ({
    what: `fan-out to ${name}, deliveries/s, times ${peer}`,
    sense: "at least",
    bound,
    value: ratio(results, DELIVERIES, RIVULET, peer),
  }));
}
