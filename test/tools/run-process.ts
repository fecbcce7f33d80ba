/** Runs a program to its end and keeps what it said: the one way in which tests call foreign tools. */
import { spawn, type ChildProcessWithoutNullStreams } from "node:child_process";

/** How a program ended. `code` is null when a signal ended it. */
export interface Finished {
  readonly code: number | null;
  readonly stdout: Buffer;
  readonly stderr: string;
}

/** A program that runs: end its input, wait for it, or kill it. */
export interface Running {
  readonly child: ChildProcessWithoutNullStreams;
  readonly finished: Promise<Finished>;
}

export interface RunOptions {
  /** What is written to its standard input, which is then closed. */
  readonly input?: Uint8Array | string;
  /** Leaves its standard input to the caller. */
  readonly keepsInputOpen?: boolean;
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** After this many milliseconds it is killed and the promise rejects with what it had said. */
  readonly timeoutMs?: number;
}

/** Starts a program without waiting for it. */
export function start(command: string, args: readonly string[], options: RunOptions = {}): Running {
  const child = spawn(command, args, { cwd: options.cwd, env: { ...process.env, ...options.env } });
  const stdout: Buffer[] = [];
  const stderr: Buffer[] = [];
  child.stdout.on("data", (chunk: Buffer) => stdout.push(chunk));
  child.stderr.on("data", (chunk: Buffer) => stderr.push(chunk));
  // A program that ends before it has read all its input breaks the pipe; its exit code tells why.
  child.stdin.on("error", () => {});
  if (options.keepsInputOpen !== true) child.stdin.end(options.input ?? "");

  const finished = new Promise<Finished>((resolve, reject) => {
    const said = (): string => Buffer.concat(stderr).toString();
    const timeoutMs = options.timeoutMs ?? 60_000;
    const timer = setTimeout(() => {
      child.kill("SIGKILL");
      reject(
        new Error(`${command} ${args.join(" ")} has not ended after ${timeoutMs} ms; it said:\n${said()}`),
      );
    }, timeoutMs);
    child.once("error", (error) => {
      clearTimeout(timer);
      reject(error);
    });
    child.once("close", (code) => {
      clearTimeout(timer);
      resolve({ code, stdout: Buffer.concat(stdout), stderr: said() });
    });
  });
  return { child, finished };
}

/** Runs a program to its end; rejects, with what it said, when its exit code is not 0. */
export async function run(
  command: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<Finished> {
  const finished = await start(command, args, options).finished;
  if (finished.code !== 0) {
    const said = `${finished.stderr}${finished.stdout.toString("utf8", 0, 4000)}`;
    throw new Error(`${command} ${args.join(" ")} ended with exit code ${finished.code}; it said:\n${said}`);
  }
  return finished;
}
