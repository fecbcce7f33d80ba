/**
 * A child process with typed commands: servers and load generators run in processes of their own, so that the CPU time
 * of one is not mixed with that of the other. Commands and answers go over Node's IPC channel, as JSON.
 */
import { fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";

/** What a child can be asked: functions of one JSON value, answering another. */
export type Commands = Record<string, (argument: never) => unknown>;

export interface Child<Served extends Commands> {
  readonly pid: number;
  call<Name extends keyof Served & string>(
    name: Name,
    argument: Parameters<Served[Name]>[0],
  ): Promise<Awaited<ReturnType<Served[Name]>>>;
  stop(): Promise<void>;
}

interface Answer {
  readonly id: number;
  readonly value?: unknown;
  readonly error?: string;
}

/** Starts `script`, a path in `directory` without its extension, as bundled by `bench/bundle.mjs`. */
export async function startChild<Served extends Commands>(
  directory: string,
  script: string,
): Promise<Child<Served>> {
  const child = fork(join(directory, `${script}.js`), { stdio: ["ignore", "inherit", "inherit", "ipc"] });
  const waiting = new Map<number, { resolve: (value: unknown) => void; reject: (reason: Error) => void }>();
  let calls = 0;
  child.on("message", ({ id, value, error }: Answer) => {
    const caller = waiting.get(id);
    waiting.delete(id);
    if (error === undefined) caller?.resolve(value);
    else caller?.reject(new Error(`${script}: ${error}`));
  });
  child.on("exit", (code, signal) => {
    for (const { reject } of waiting.values()) reject(new Error(`${script} ended with ${signal ?? code}`));
    waiting.clear();
  });
  await once(child, "spawn");
  return {
    pid: child.pid ?? 0,
    call: (name, argument) =>
      new Promise((resolve, reject) => {
        if (!child.connected) return reject(new Error(`${script} has ended`));
        const id = calls++;
        // The child answers with what the command of this name returned.
        waiting.set(id, { resolve: resolve as (value: unknown) => void, reject });
        child.send({ id, name, argument });
      }),
    stop: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const exited = once(child, "exit");
      child.kill("SIGKILL");
      await exited;
    },
  };
}

/** The child's side: answers the parent's calls until the parent goes, and then ends. */
export function serveParent(commands: Commands): void {
  process.on("message", ({ id, name, argument }: { id: number; name: string; argument: unknown }) => {
    void answer(commands[name], argument).then((answered) => process.send?.({ id, ...answered }));
  });
  process.on("disconnect", () => process.exit(0));
}

async function answer(command: Commands[string] | undefined, argument: unknown): Promise<Omit<Answer, "id">> {
  try {
    // The parent's types say that the argument fits.
    return { value: await command?.(argument as never) };
  } catch (error) {
    return { error: error instanceof Error ? error.message : String(error) };
  }
}
