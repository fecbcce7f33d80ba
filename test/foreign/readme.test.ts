/** The README's examples, taken from the README and run: what stands there is what works. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { dirname, extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "vite";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { openBrowser, type TestBrowser } from "../console/console-browser.ts";
import { startTestGateway, type TestGateway } from "../gateway/start-gateway.ts";
import { describeWith } from "../tools/require-tool.ts";
import { run } from "../tools/run-process.ts";

const readme = readFileSync(new URL("../../README.md", import.meta.url), "utf8");

/** The fenced block that is marked with these words after its three backticks. */
function example(marks: string): string {
  const start = readme.indexOf("```" + marks + "\n");
  const end = readme.indexOf("\n```", start);
  if (start < 0 || end < 0) throw new Error(`README.md has no example marked "${marks}"`);
  return readme.slice(readme.indexOf("\n", start) + 1, end);
}

describeWith(["kcat"], "the README's example for Kafka clients", () => {
  let gateway: TestGateway;
  beforeAll(async () => {
    gateway = await startTestGateway();
  });
  afterAll(() => gateway.stop());

  test("produces and consumes", async () => {
    for (const script of [example("sh kcat"), example("sh group")]) {
      const here = script.replaceAll("127.0.0.1:9092", `127.0.0.1:${gateway.kafkaPort}`);
      expect(here).not.toBe(script);
      const { stdout } = await run("bash", ["-euo", "pipefail", "-c", here]);
      expect(stdout.toString().trim()).toBe("1000");
    }
  });
});

describeWith(["chromium"], "the README's example for web apps", () => {
  const directory = mkdtempSync(join(tmpdir(), "rivulet-readme-"));
  const server = createServer((request, response) => {
    const path = join(directory, "dist", request.url === "/" ? "index.html" : (request.url ?? ""));
    const type = CONTENT_TYPES[extname(path)];
    if (type === undefined || !existsSync(path)) return void response.writeHead(404).end();
    response.writeHead(200, { "content-type": type }).end(readFileSync(path));
  });
  let gateway: TestGateway;
  let browser: TestBrowser;
  let origin: string;

  beforeAll(async () => {
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    gateway = await startTestGateway({ args: ["--allow-origin", origin] });
    browser = await openBrowser();
  });
  afterAll(async () => {
    await browser.close();
    await gateway.stop();
    server.close();
    rmSync(directory, { recursive: true });
  });

  test("publishes and replicates, bundled with Vite from the published package", async () => {
    const app = example("ts app").replace("http://127.0.0.1:8080", `http://127.0.0.1:${gateway.httpPort}`);
    writeFileSync(join(directory, "app.ts"), app);
    writeFileSync(join(directory, "index.html"), PAGE);
    const client = fileURLToPath(new URL("../../web-client/dist/index.js", import.meta.url));
    await build({
      root: directory,
      logLevel: "warn",
      resolve: { alias: { "@rivulet/client": client } },
      build: { target: "es2022", outDir: "dist" },
    });
    const page = await browser.newPage(await browser.newContext());
    const printed = page.waitForEvent("console", (message) => message.type() === "log");
    await page.goto(origin);
    // Playwright cannot show a bigint, which is what the offset in front of this is.
    expect((await printed).text()).toMatch(/ o-17 \{id: o-17, total: 42\}$/);
    expect(browser.takeErrors()).toEqual([]);
  });

  test.each([18, 19])(
    "draws in React %i what was said, once, before and after it was sent",
    async (version) => {
      const app = example("tsx react").replace(
        "http://127.0.0.1:8080",
        `http://127.0.0.1:${gateway.httpPort}`,
      );
      const room = `room-${version}`;
      writeFileSync(join(directory, "room.tsx"), app.replace('"room"', JSON.stringify(room)));
      writeFileSync(join(directory, "app.ts"), MOUNT);
      writeFileSync(join(directory, "index.html"), PAGE);
      const require = createRequire(
        new URL(version === 18 ? "../react-18/package.json" : "../../package.json", import.meta.url),
      );
      const packageOf = (name: string): string => dirname(require.resolve(`${name}/package.json`));
      const dist = fileURLToPath(new URL("../../web-client/dist", import.meta.url));
      await build({
        root: directory,
        logLevel: "warn",
        resolve: {
          alias: [
            { find: "@rivulet/client/react", replacement: join(dist, "react.js") },
            { find: "@rivulet/client", replacement: join(dist, "index.js") },
            { find: "react-dom", replacement: packageOf("react-dom") },
            { find: "react", replacement: packageOf("react") },
          ],
        },
        build: { target: "es2022", outDir: "dist" },
      });
      const page = await browser.newPage(await browser.newContext());
      await page.goto(origin);
      await page.getByText("live, 0 to send").waitFor();
      await page.getByRole("button", { name: "Say hello" }).click();
      await page.locator("li.sent").getByText("hello").waitFor();
      await page.getByRole("button", { name: "Say hello" }).click();
      await page.locator("li.sent").nth(1).waitFor();
      expect(await page.getByRole("listitem").allTextContents()).toEqual(["hello", "hello"]);
      expect(browser.takeErrors()).toEqual([]);
    },
  );
});

test("the README's example for Node runs as it stands", async () => {
  const gateway = await startTestGateway();
  const directory = mkdtempSync(join(tmpdir(), "rivulet-readme-node-"));
  const printed: string[] = [];
  const log = vi.spyOn(console, "log").mockImplementation((...words: unknown[]) => {
    printed.push(words.map(String).join(" "));
  });
  try {
    const entry = fileURLToPath(new URL("../../web-client/node/index.ts", import.meta.url));
    const app = example("ts node")
      .replace("http://127.0.0.1:8080", `http://127.0.0.1:${gateway.httpPort}`)
      .replace('"@rivulet/client/node"', JSON.stringify(entry))
      .replace('"ws"', JSON.stringify(fileURLToPath(import.meta.resolve("ws"))));
    const file = join(directory, "app.ts");
    writeFileSync(file, app);
    await import(file);
    expect(printed).toEqual(["billed 7", "lag 0"]);
  } finally {
    log.mockRestore();
    rmSync(directory, { recursive: true });
    await gateway.stop();
  }
});

const MOUNT = `
import { createElement, StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { Room } from "./room.tsx";

const place = document.body.appendChild(document.createElement("div"));
createRoot(place).render(createElement(StrictMode, null, createElement(Room)));
`;

const PAGE = `<link rel="icon" href="data:," /><script type="module" src="./app.ts"></script>`;

const CONTENT_TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html",
  ".js": "text/javascript",
  ".wasm": "application/wasm",
};
