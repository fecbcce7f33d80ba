/** `npm start`: what it sets up, and that signals reach the gateway however it had to be run. */
import { spawn, type ChildProcess } from "node:child_process";
import { mkdir, mkdtemp, rm, utimes, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { isStale } from "../../gateway/build-if-stale.mjs";
import { root } from "./spawn-gateway.ts";

let directory: string;
const running: ChildProcess[] = [];
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "rivulet-start-"));
});
afterEach(() => {
  for (const child of running.splice(0)) child.kill("SIGKILL");
});
// A gateway whose parent was killed stops by itself, and may still be writing its last files.
afterAll(() => rm(directory, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 }));

describe("what is stale", () => {
  const step = { sources: ["src", "config.json"], outputs: ["out/a.js", "out/b.wasm"] };
  const write = async (name: string, seconds: number): Promise<void> => {
    const path = join(directory, "stale", name);
    await mkdir(join(path, ".."), { recursive: true });
    await writeFile(path, "");
    await utimes(path, seconds, seconds);
  };

  it("an output that is missing, or older than the newest source, however deep that lies", async () => {
    const top = join(directory, "stale");
    await write("src/deep/er/x.ts", 100);
    await write("config.json", 50);
    await write("out/a.js", 200);
    expect(isStale(step, top)).toBe(true);
    await write("out/b.wasm", 150);
    expect(isStale(step, top)).toBe(false);
    await write("src/deep/er/x.ts", 151);
    expect(isStale(step, top)).toBe(true);
    await write("out/b.wasm", 151);
    expect(isStale(step, top)).toBe(false);
    await write("config.json", 300);
    expect(isStale(step, top)).toBe(true);
  });

  it("never because of what was built or installed below a source", async () => {
    const top = join(directory, "stale");
    for (const name of ["out/a.js", "out/b.wasm"]) await write(name, 400);
    for (const name of ["src/dist/y.js", "src/node_modules/z.js", "src/.cache/c"]) await write(name, 999);
    expect(isStale(step, top)).toBe(false);
  });
});

interface Started {
  child: ChildProcess;
  stdout: () => string;
  kafkaPort: number;
  exited: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
}

async function start(env: Record<string, string | undefined>): Promise<Started> {
  const args = [
    "--http-port",
    "0",
    "--kafka-port",
    "0",
    "--data-dir",
    join(directory, "data"),
    "--log-level",
    "error",
  ];
  const child = spawn(process.execPath, [join(root, "gateway", "start.mjs"), ...args], {
    cwd: root,
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  running.push(child);
  let stdout = "";
  let stderr = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  const exited = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve) => {
    child.once("exit", (code, signal) => resolve({ code, signal }));
  });
  const ready = new Promise<void>((resolve) => {
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      stdout += text;
      if (stdout.includes("\n")) resolve();
    });
  });
  await Promise.race([
    ready,
    exited.then(() => Promise.reject(new Error(`it ended before it was ready: ${stderr}`))),
  ]);
  return { child, stdout: () => stdout, kafkaPort: Number(/kafka:\/\/\S+:(\d+) /.exec(stdout)?.[1]), exited };
}

/** Whether somebody listens there. */
function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: "127.0.0.1" });
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}

// Only what is built can be started at once; `npm test` builds before it runs this.
describe("npm start", { timeout: 120_000 }, () => {
  it.each([
    ["in the same process, when libuv's pool is as large as it has to be", { UV_THREADPOOL_SIZE: "16" }],
    ["in a new process, when it is not", { UV_THREADPOOL_SIZE: undefined }],
  ])("runs the gateway %s, says one line, and ends with it", async (_how, env) => {
    const { child, stdout, exited } = await start(env);
    expect(stdout()).toMatch(
      /^rivulet: ready http:\/\/127\.0\.0\.1:\d+ kafka:\/\/127\.0\.0\.1:\d+ data \S+\n$/,
    );
    child.kill("SIGTERM");
    expect(await exited).toEqual({ code: 0, signal: null });
    expect(stdout().trimEnd().split("\n")).toHaveLength(1);
  });

  it("leaves nothing behind when it is killed while the gateway runs in a new process", async () => {
    const { child, exited, kafkaPort } = await start({ UV_THREADPOOL_SIZE: undefined });
    expect(await listens(kafkaPort)).toBe(true);
    child.kill("SIGKILL");
    await exited;
    await expect.poll(() => listens(kafkaPort), { timeout: 10_000 }).toBe(false);
  });
});
