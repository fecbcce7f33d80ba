/**
 * From `publish` in one tab to the record on the screen of another, at a steady pace, in a real Chromium: two tabs of one app,
 * which share a store and a connection, and two devices, each with its own.
 */
import type { Browser } from "playwright";
import type { BenchSettings, Mode } from "../bench.ts";
import { BenchPage, openChromium, withoutChromium } from "../browser/chromium.ts";
import { servePage } from "../browser/page-server.ts";
import { startChild } from "../child.ts";
import { withCleanup, type Defer } from "../cleanup.ts";
import { startGateway } from "../gateway-process.ts";
import { interleave, type Rounds, type Sample } from "../harness.ts";
import type { BenchReport, TableCase } from "../report.ts";
import { checksum } from "../checksum.ts";
import type { LineName, Place, RenderPage } from "./page.ts";
import type { RelayCommands } from "./socket-io.ts";

interface Size extends Rounds {
  readonly perSecond: number;
  readonly count: number;
}
const sizes: Readonly<Record<Mode, Size>> = {
  full: { perSecond: 1000, count: 4000, warmups: 1, rounds: 3 },
  small: { perSecond: 200, count: 50, warmups: 0, rounds: 1 },
};

const METRICS = ["given p50, ms", "given p99, ms", "painted p50, ms", "painted p99, ms"] as const;

/** Two pages of one browser: in one context they are tabs of one app, in two contexts they share nothing. */
const pairs: Readonly<Record<string, (browser: Browser, defer: Defer) => Promise<BenchPage<RenderPage>[]>>> =
  {
    "two tabs of one app": async (browser, defer) => {
      const context = await browser.newContext();
      defer(() => context.close());
      return [new BenchPage(await context.newPage()), new BenchPage(await context.newPage())];
    },
    "two devices": async (browser, defer) => {
      const contexts = [await browser.newContext(), await browser.newContext()];
      for (const context of contexts) defer(() => context.close());
      return Promise.all(contexts.map(async (context) => new BenchPage<RenderPage>(await context.newPage())));
    },
  };

export function renderBench(settings: BenchSettings): Promise<BenchReport> {
  return withCleanup((defer) => render(settings, defer));
}

async function render(settings: BenchSettings, defer: Defer): Promise<BenchReport> {
  const name = "from publish to render";
  const browser = await openChromium(defer);
  if (typeof browser === "string") return withoutChromium(name, browser);
  const server = await servePage(settings, "render");
  defer(() => server.close());
  const gateway = await startGateway(settings, ["--allow-origin", server.origin]);
  defer(() => gateway.stop());
  const relay = await startChild<RelayCommands>(settings.scripts, "render/socket-io");
  defer(() => relay.stop());
  const relayUrl = `http://127.0.0.1:${await relay.call("listen", undefined as never)}`;
  const { perSecond, count, ...rounds } = sizes[settings.mode];

  let topics = 0;
  const places: Readonly<Record<LineName, () => Promise<Place>>> = {
    rivulet: async () => {
      const { topic, port } = await gateway.createTopic(`render-${topics++}`);
      return { url: `http://127.0.0.1:${port}`, topic, name: topic };
    },
    "socket.io": () => Promise.resolve({ url: relayUrl, topic: "", name: "" }),
  };
  const cases: TableCase[] = [];
  for (const [pair, open] of Object.entries(pairs)) {
    const tabs = await open(browser, defer);
    for (const tab of tabs) {
      await tab.load(server.origin);
      await tab.page.addScriptTag({ url: `${relayUrl}/socket.io/socket.io.min.js` });
    }
    const contender = (contenderName: string, kind: LineName) => ({
      name: contenderName,
      round: async () => measure(tabs, kind, await places[kind](), { perSecond, count }),
    });
    const contenders = [
      contender("Rivulet: durable on the device and in the log", "rivulet"),
      contender("socket.io: kept nowhere", "socket.io"),
    ];
    cases.push({ name: pair, results: await interleave(contenders, rounds) });
  }
  return {
    name,
    tables: [{ title: `${perSecond} records/s from tab to tab`, metrics: METRICS, cases }],
    aims: [],
    notes: [
      `in Chromium ${browser.version()}`,
      "given: the record is in the document of the other tab; painted: the frame after that is made, at most 60 a second",
    ],
    counts: { records: count },
    hash: checksum([count]),
  };
}

async function measure(
  [from, to]: readonly BenchPage<RenderPage>[],
  kind: LineName,
  place: Place,
  { perSecond, count }: { perSecond: number; count: number },
): Promise<Sample> {
  if (from === undefined || to === undefined) throw new Error("there are two tabs");
  await from.call("open", { kind, place });
  await to.call("open", { kind, place });
  await Promise.all([to.call("hear", count), from.call("sendFirst", undefined)]);
  await from.call("publish", { perSecond, count });
  const { given, painted } = await to.call("seen", undefined);
  await to.call("close", undefined);
  await from.call("close", undefined);
  const samples = [given, painted].flatMap((ages) => [percentile(ages, 0.5), percentile(ages, 0.99)]);
  return Object.fromEntries(METRICS.map((metric, index) => [metric, samples[index] ?? Number.NaN]));
}

/** The least that so large a part of the values do not exceed. */
function percentile(values: readonly number[], part: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(part * sorted.length) - 1)] ?? Number.NaN;
}
