/** The tutorial, followed to the letter: its app, served by Vite as the reader serves it, prints what the tutorial says. */
import { cpSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createServer as createViteServer, type ViteDevServer } from "vite";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openBrowser, type TestBrowser } from "../console/console-browser.ts";
import { startTestGateway, type TestGateway } from "../gateway/start-gateway.ts";
import { projectRoot } from "../tools/project-root.ts";
import { describeWith } from "../tools/require-tool.ts";
import { run } from "../tools/run-process.ts";

const root = projectRoot();
const tutorial = readFileSync(join(root, "docs/tutorial.md"), "utf8");

/** The fenced blocks that are marked with these words after their three backticks, one after the other. */
function blocks(marks: string): string {
  const found = [...tutorial.matchAll(/^```(.*)\n([^]*?)^```$/gm)].filter(([, words]) => words === marks);
  expect(found.length).toBeGreaterThan(0);
  return found.map(([, , text = ""]) => text).join("");
}

describeWith(["chromium"], "the tutorial", () => {
  // A directory as `npm install` leaves it: the package and what it depends on.
  const directory = realpathSync(mkdtempSync(join(tmpdir(), "rivulet-tutorial-")));
  const server = createServer();
  let vite: ViteDevServer;
  let gateway: TestGateway;
  let browser: TestBrowser;
  let address: string;

  beforeAll(async () => {
    const client = join(directory, "node_modules/@rivulet/client");
    for (const file of ["dist", "package.json"]) {
      cpSync(join(root, "web-client", file), join(client, file), { recursive: true });
    }
    cpSync(join(root, "node_modules/idb"), join(directory, "node_modules/idb"), { recursive: true });
    writeFileSync(join(directory, "index.html"), blocks("html"));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    gateway = await startTestGateway({ args: ["--allow-origin", address] });
    const app = blocks("ts tutorial");
    const here = app.replace("http://127.0.0.1:8080", `http://127.0.0.1:${gateway.httpPort}`);
    expect(here).not.toBe(app);
    writeFileSync(join(directory, "main.ts"), here);
    vite = await createViteServer({
      root: directory,
      logLevel: "warn",
      server: { middlewareMode: true, hmr: false },
    });
    server.on("request", vite.middlewares);
    browser = await openBrowser();
  });
  afterAll(async () => {
    await browser.close();
    await vite.close();
    server.close();
    await gateway.stop();
    rmSync(directory, { recursive: true });
  });

  test("prints what it says it prints, and runs again after a reload", async () => {
    const expected = blocks("text").trimEnd().split("\n");
    const page = await browser.newPage(await browser.newContext());
    const printed: string[] = [];
    page.on("console", (message) => message.type() === "log" && printed.push(message.text()));
    await page.goto(address);
    await expect.poll(() => printed, { timeout: 60_000 }).toEqual(expected);

    printed.length = 0;
    await page.reload();
    await expect.poll(() => printed.at(-1), { timeout: 60_000 }).toBe(expected.at(-1));
    const packed = (lines: readonly string[]): string[] => lines.filter((line) => line.startsWith("packed"));
    expect(packed(printed)).toEqual(packed(expected));
    expect(browser.takeErrors()).toEqual([]);
  });

  test("its code compiles strictly", async () => {
    const compiler = join(root, "node_modules/typescript/bin/tsc");
    const options =
      "--noEmit --strict --skipLibCheck --target es2022 --module esnext --moduleResolution bundler";
    const lib = "--ignoreConfig --lib es2023,dom,dom.iterable,dom.asynciterable,esnext.disposable";
    const { stdout } = await run(process.execPath, [
      compiler,
      ...`${options} ${lib}`.split(" "),
      join(directory, "main.ts"),
    ]);
    expect(stdout.toString()).toBe("");
  });
});
