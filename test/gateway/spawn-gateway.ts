/** The built command as a process of its own, for what only a process shows: exit codes, signals, kill -9. */
import { spawn, type ChildProcess } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { endingWithUs } from "../tools/ending-with-us.ts";

export const root: string = fileURLToPath(new URL("../..", import.meta.url));
const command = join(root, "gateway", "rivulet.cjs");

export interface Exit {
  code: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
}

export interface SpawnedGateway {
  readonly process: ChildProcess;
  readonly httpPort: number;
  readonly kafkaPort: number;
  readonly readyLine: string;
  /** What it has said so far. */
  readonly output: Readonly<Exit>;
  /** Resolves when the process has ended, however it did. */
  readonly exited: Promise<Exit>;
  kill(signal: NodeJS.Signals): Promise<Exit>;
}

/**
 * Runs the command and collects what it says. Ports are free ones unless `args` name others. `inside` is put before it.
 */
export function run(
  args: readonly string[],
  env: Record<string, string> = {},
  inside: readonly string[] = [],
): { child: ChildProcess; exited: Promise<Exit>; output: Exit } {
  if (!existsSync(join(root, "gateway", "dist", "rivulet.js")))
    throw new Error("gateway/dist is missing: run `npm run build` first");
  const whole = [...inside, process.execPath, command, "--http-port", "0", "--kafka-port", "0", ...args];
  const ending = endingWithUs(whole[0] ?? process.execPath, whole.slice(1));
  const child = spawn(ending.command, ending.args, {
    cwd: root,
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const output: Exit = { code: null, signal: null, stdout: "", stderr: "" };
  child.stdout.setEncoding("utf8").on("data", (text: string) => (output.stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (output.stderr += text));
  const exited = new Promise<Exit>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code, signal) => resolve({ ...output, code, signal }));
  });
  return { child, exited, output };
}

/** Resolves when the ready line is out; rejects with what was said instead. */
export async function spawnGateway(
  args: readonly string[],
  env: Record<string, string> = {},
  inside: readonly string[] = [],
): Promise<SpawnedGateway> {
  const { child, exited, output } = run(args, env, inside);
  const ready = new Promise<string>((resolve) => {
    child.stdout?.on("data", () => {
      const line = output.stdout.split("\n").find((candidate) => candidate.startsWith("rivulet: ready "));
      if (line !== undefined && output.stdout.includes("\n")) resolve(line);
    });
  });
  const readyLine = await Promise.race([
    ready,
    exited.then(({ code, stderr }) => {
      throw new Error(`the gateway ended with code ${code} before it was ready: ${stderr}`);
    }),
  ]);
  const ports = /http:\/\/\S+:(\d+) kafka:\/\/\S+:(\d+) /.exec(readyLine);
  return {
    process: child,
    httpPort: Number(ports?.[1]),
    kafkaPort: Number(ports?.[2]),
    readyLine,
    output,
    exited,
    kill(signal) {
      child.kill(signal);
      return exited;
    },
  };
}
