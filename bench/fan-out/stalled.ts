/**
 * A third of the subscribers stands still: their sockets are open and nobody reads. What does that cost the server for
 * each delivery to the others? Two gateways in turn, one with the others alone. In the end the stalled ones go on, and
 * must get everything.
 */
import type { BenchSettings, Mode } from "../bench.ts";
import { startChild } from "../child.ts";
import { withCleanup, type Defer } from "../cleanup.ts";
import { startGateway } from "../gateway-process.ts";
import { interleave, ratio, type Contender } from "../harness.ts";
import type { BenchReport } from "../report.ts";
import type { AudienceCommands } from "./audience.ts";
import { contender, CPU, DELIVERIES } from "./fan-out.ts";

const ALONE = "reading subscribers alone";
const BESIDE_STALLED = "beside half as many stalled ones";
const RECORDS_PER_TICK = 16;

interface Size {
  readonly reading: number;
  readonly warmups: number;
  readonly rounds: number;
  readonly roundMs: number;
  /** Published while the stalled ones stand still and before anything is measured: enough to fill the kernel's buffers. */
  readonly fillTicks: number;
}

const sizes: Readonly<Record<Mode, Size>> = {
  full: { reading: 200, warmups: 1, rounds: 9, roundMs: 600, fillTicks: 700 },
  small: { reading: 8, warmups: 0, rounds: 1, roundMs: 0, fillTicks: 600 },
};

export function stalledBench(settings: BenchSettings): Promise<BenchReport> {
  return withCleanup((defer) => compareStalled(settings, defer));
}

async function compareStalled(settings: BenchSettings, defer: Defer): Promise<BenchReport> {
  const { reading, roundMs, fillTicks, ...rounds } = sizes[settings.mode];
  const audience = await startChild<AudienceCommands>(settings.scripts, "fan-out/audience");
  defer(() => audience.stop());
  await audience.call("prepare", settings);

  const published = new Map<string, number>();
  const contenders: Contender[] = [];
  let stalled = -1;
  let witness = -1;
  let source = -1;
  for (const name of [ALONE, BESIDE_STALLED]) {
    const gateway = await startGateway(settings);
    defer(() => gateway.stop());
    const address = await gateway.createTopic("stalled");
    const group = await audience.call("join", { address, subscribers: reading });
    if (name === BESIDE_STALLED) {
      stalled = await audience.call("join", { address, subscribers: reading / 2 - 1 });
      witness = await audience.call("join", { address, subscribers: 1, values: true });
      await audience.call("pause", stalled);
      await audience.call("pause", witness);
    }
    source = await audience.call("openSource", { address, recordsPerTick: RECORDS_PER_TICK });
    await audience.call("run", { source, group, ticks: fillTicks, window: 3 });
    published.set(name, fillTicks * RECORDS_PER_TICK);
    contenders.push(
      contender(
        audience,
        { name, pid: gateway.pid, address },
        { group, source, recordsPerTick: RECORDS_PER_TICK, roundMs },
        (run) => {
          published.set(name, (published.get(name) ?? 0) + run.deliveries / reading);
        },
      ),
    );
  }
  const results = await interleave(contenders, rounds);

  const eachSubscriber = published.get(BESIDE_STALLED) ?? 0;
  for (const group of [stalled, witness]) {
    await audience.call("resume", group);
    await audience.call("awaitRecords", { group, eachSubscriber });
  }
  const hash = await audience.call("hashReceived", witness);
  if (hash !== (await audience.call("hashPublished", source)))
    throw new Error("a stalled subscriber got other records");

  const value = ratio(results, CPU, BESIDE_STALLED, ALONE);
  const what = "server CPU per delivery to the others while a third stands still, times that without them";
  const caseName = `${reading} x ${RECORDS_PER_TICK}/tick`;
  return {
    name: "a stalled third",
    tables: [
      { title: "stalled", metrics: [DELIVERIES, CPU], ratioTo: ALONE, cases: [{ name: caseName, results }] },
    ],
    aims: settings.mode === "full" ? [{ what, sense: "at most", bound: 1.2, value }] : [],
    notes: [],
    counts: {
      "stalled subscribers that got everything": reading / 2,
      ...(settings.mode === "small" ? { "records each": eachSubscriber } : {}),
    },
    hash,
  };
}
