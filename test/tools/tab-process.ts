/** A page in a process of its own that can be made to die or to stand still, as tabs crash and are frozen. */
import type { Page } from "playwright";
import { browserKind } from "./browser.ts";
import { openGate } from "./gate.ts";
import { processesBelow } from "./processes.ts";

export interface TabProcess {
  readonly page: Page;
  /** It dies; resolves when it has. */
  crash(): Promise<void>;
  /** The client in it, and the worker that it lives in, stand still; resolves when they do. */
  freeze(): Promise<void>;
  wake(): Promise<void>;
}

/** `open` opens the page. One after the other: the process that is new then is the page's. */
export function openInProcess(open: () => Promise<Page>): Promise<TabProcess> {
  return browserKind === "firefox" ? openInFirefox(open) : openInChromium(open);
}

async function openInFirefox(open: () => Promise<Page>): Promise<TabProcess> {
  const others = new Set(siteProcesses());
  const page = await open();
  const [id, ...more] = siteProcesses().filter((each) => !others.has(each));
  if (id === undefined || more.length > 0) throw new Error("it cannot be told which process is the page's");
  return {
    page,
    crash: async () => {
      process.kill(id, "SIGKILL");
      while (siteProcesses().includes(id)) await new Promise((resolve) => setTimeout(resolve, 5));
    },
    freeze: async () => void process.kill(id, "SIGSTOP"),
    wake: async () => void process.kill(id, "SIGCONT"),
  };
}

/** Of this test's Firefox: those that pages of sites run in. */
function siteProcesses(): number[] {
  return processesBelow()
    .filter(({ name }) => name === "Isolated Web Co")
    .map(({ id }) => id);
}

async function openInChromium(open: () => Promise<Page>): Promise<TabProcess> {
  const page = await open();
  const session = await page.context().newCDPSession(page);
  let frozen: Promise<void> = Promise.resolve();
  let wakeUp = (): void => undefined;
  return {
    page,
    crash: async () => {
      const crashed = new Promise((resolve) => page.once("crash", resolve));
      // It cannot answer any more.
      session.send("Page.crash").catch(() => undefined);
      await crashed;
    },
    freeze: async () => {
      const [worker] = page.workers();
      if (worker === undefined) throw new Error("the client of this page does not live in a worker");
      const gate = await openGate();
      wakeUp = () => gate.open();
      // A worker that waits for an answer in this way does nothing else.
      frozen = worker.evaluate((url) => {
        const request = new XMLHttpRequest();
        request.open("GET", url, false);
        request.send();
      }, gate.url);
      await gate.arrived;
    },
    wake: async () => {
      wakeUp();
      await frozen;
    },
  };
}
