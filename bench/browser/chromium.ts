/** The Chromium that pages are measured in. */
import { chromium, type Browser, type Page } from "playwright";
import type { Defer } from "../cleanup.ts";
import type { BenchReport } from "../report.ts";

/** Tabs that are not in front do their work all the same, as they would in windows of their own. */
const ALWAYS_IN_FRONT = [
  "--disable-background-timer-throttling",
  "--disable-backgrounding-occluded-windows",
  "--disable-renderer-backgrounding",
];

/** Or why there is none. */
export async function openChromium(defer: Defer): Promise<Browser | string> {
  try {
    const executablePath = process.env.RIVULET_CHROMIUM ?? "/usr/bin/chromium";
    const browser = await chromium.launch({ executablePath, args: ["--no-sandbox", ...ALWAYS_IN_FRONT] });
    defer(() => browser.close());
    return browser;
  } catch (error) {
    const reason = String(error instanceof Error ? error.message : error).split("\n")[0];
    const note = `left out: no Chromium (install one, or name it in RIVULET_CHROMIUM): ${reason}`;
    if (process.env.RIVULET_REQUIRE_TOOLS === "1") throw new Error(note, { cause: error });
    return note;
  }
}

/** Of a bench that could not be run. */
export function withoutChromium(name: string, note: string): BenchReport {
  return { name, tables: [], aims: [], notes: [note], counts: {}, hash: "-" };
}

/** What a page offers on its window: functions of one value that can be sent there, answering one that can be sent back. */
export type Offered = Record<string, (argument: never) => Promise<unknown>>;

/** A page that has loaded, and offers what its script put on the window as `bench`. */
export class BenchPage<Offers extends Offered> {
  readonly page: Page;

  constructor(page: Page) {
    this.page = page;
  }

  async load(origin: string): Promise<void> {
    await this.page.goto(origin);
    await this.page.waitForFunction("window.bench !== undefined");
  }

  call<Name extends keyof Offers & string>(
    name: Name,
    argument: Parameters<Offers[Name]>[0],
  ): Promise<Awaited<ReturnType<Offers[Name]>>> {
    // The page's script offers these: nothing else puts a `bench` there.
    const run = (asked: { name: string; argument: unknown }): Promise<unknown> | undefined =>
      (window as unknown as { bench: Offered }).bench[asked.name]?.(asked.argument as never);
    return this.page.evaluate(run, { name, argument }) as Promise<Awaited<ReturnType<Offers[Name]>>>;
  }
}
