/**
 * How long a page that uses the SDK takes to its first record on the screen: on a first visit, when nothing of the app is
 * in the browser's cache and nothing on the device, and on the next one.
 */
import type { Browser, BrowserContext } from "playwright";
import type { BenchSettings, Mode } from "../bench.ts";
import { BenchPage, openChromium, withoutChromium } from "../browser/chromium.ts";
import { servePage } from "../browser/page-server.ts";
import { checksum } from "../checksum.ts";
import { withCleanup, type Defer } from "../cleanup.ts";
import { startGateway } from "../gateway-process.ts";
import { interleave, type Contender, type Rounds, type Sample } from "../harness.ts";
import { produceRecords } from "../produce/produce-records.ts";
import type { BenchReport } from "../report.ts";
import type { Started, StartWay } from "./page.ts";

const sizes: Readonly<Record<Mode, Rounds>> = {
  full: { warmups: 1, rounds: 15 },
  small: { warmups: 0, rounds: 1 },
};

const VALUE = "the first record";
const METRICS = ["from navigation, ms", "from the script, ms", "connect(), ms"];

type StartPage = { started: () => Promise<Started> };

interface Ground {
  readonly browser: Browser;
  readonly visit: (context: BrowserContext, way: StartWay) => Promise<Started>;
}

export function sdkStartBench(settings: BenchSettings): Promise<BenchReport> {
  return withCleanup((defer) => sdkStart(settings, defer));
}

async function sdkStart(settings: BenchSettings, defer: Defer): Promise<BenchReport> {
  const name = "a page's start";
  const browser = await openChromium(defer);
  if (typeof browser === "string") return withoutChromium(name, browser);
  const server = await servePage(settings, "sdk-start");
  defer(() => server.close());
  const gateway = await startGateway(settings, ["--allow-origin", server.origin]);
  defer(() => gateway.stop());
  const { topic, topicId } = await gateway.createTopic("start");
  const value = new TextEncoder().encode(VALUE);
  await produceRecords({ root: settings.root, kafkaPort: gateway.kafkaPort, topic }, [
    { key: null, value, timestamp: Date.now() },
  ]);
  const url = `http://127.0.0.1:${gateway.httpPort}`;
  const ground: Ground = {
    browser,
    visit: async (context, way) => {
      const page = new BenchPage<StartPage>(await context.newPage());
      await page.load(`${server.origin}/?${String(new URLSearchParams({ way, url, topic, topicId }))}`);
      const started = await page.call("started", undefined);
      if (way !== "fetch" && started.value !== VALUE) throw new Error(`the page shows ${started.value}`);
      await page.page.close();
      return started;
    },
  };
  const results = await interleave(
    [
      cold("first visit, subscribe", "subscribe", ground),
      cold("first visit, one fetch and no SDK", "fetch", ground),
      warm("next visit, subscribe", { before: "subscribe", way: "subscribe" }, ground),
      warm("next visit, from the replica", { before: "keep", way: "replica" }, ground),
      warm("next visit, one fetch and no SDK", { before: "fetch", way: "fetch" }, ground),
    ],
    sizes[settings.mode],
  );
  return {
    name,
    tables: [{ title: "to the first record", metrics: METRICS, cases: [{ name: "painted", results }] }],
    aims: [],
    notes: [
      `in Chromium ${browser.version()}`,
      "next visit: scripts come from the browser's cache. The page of the fetch has the SDK's script, too, and does not use it",
    ],
    counts: { records: 1 },
    hash: checksum([VALUE]),
  };
}

/** In a profile in which nothing has been before. */
function cold(name: string, way: StartWay, { browser, visit }: Ground): Contender {
  return { name, round: () => inFresh(browser, async (context) => sampleOf(await visit(context, way))) };
}

/** The visit after the first one in a profile. */
function warm(
  name: string,
  { before, way }: { before: StartWay; way: StartWay },
  { browser, visit }: Ground,
): Contender {
  return {
    name,
    round: () =>
      inFresh(browser, async (context) => {
        await visit(context, before);
        return sampleOf(await visit(context, way));
      }),
  };
}

async function inFresh(
  browser: Browser,
  work: (context: BrowserContext) => Promise<Sample>,
): Promise<Sample> {
  const context = await browser.newContext();
  try {
    return await work(context);
  } finally {
    await context.close();
  }
}

function sampleOf({ fromNavigation, fromScript, connect }: Started): Sample {
  const [navigation = "", script = "", connected = ""] = METRICS;
  return { [navigation]: fromNavigation, [script]: fromScript, [connected]: connect };
}
