/** Client processes by name, each in one life after the other: started, killed, stopped, and heard. */
import { spawn, type ChildProcess } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { build } from "vite";
import { root } from "../gateway/spawn-gateway.ts";
import type { HistoryEvent } from "../sim/history.ts";
import { fromLine, type ClientOptions } from "./client-lines.ts";

/** One life of one client. */
export interface Life {
  readonly child: ChildProcess;
  /** Resolves when it has ended and all that it said is heard. */
  readonly ended: Promise<void>;
  /** The last assignment that it has told; undefined: none yet, or it is a producer. */
  assigned: Extract<HistoryEvent, { kind: "assigned" }> | undefined;
  /** Once it is to come to an end: what it waits for; null: nothing. */
  waits: string | null | undefined;
}

/** Bundles the client for Node, which cannot run TypeScript as it is; answers its path. */
export async function bundleClient(): Promise<string> {
  const outDir = join(root, "build/real-crashes");
  await build({
    configFile: false,
    root,
    logLevel: "warn",
    build: {
      ssr: true,
      target: "node20",
      outDir,
      minify: false,
      reportCompressedSize: false,
      rolldownOptions: {
        input: { client: join(root, "test/real-crashes/client-process.ts") },
        output: { entryFileNames: "[name].js" },
      },
    },
  });
  return join(outDir, "client.js");
}

export class Crowd {
  /** In the order in which they were heard; their times tell the true one. */
  readonly events: HistoryEvent[] = [];
  /** What clients found to be wrong by themselves, and what they said when they ended by themselves. */
  readonly wrong: string[] = [];
  readonly lives = new Map<string, Life>();
  private readonly watchers = new Set<(event: HistoryEvent) => void>();
  private readonly script: string;
  private readonly killed = new Set<ChildProcess>();

  constructor(script: string) {
    this.script = script;
  }

  /** `place` names the client, whatever life it is in: one of a place may be left behind, stopped, when the next begins. */
  start(place: string, options: ClientOptions): Life {
    const child = spawn(process.execPath, [this.script, JSON.stringify(options)], {
      cwd: root,
      stdio: ["pipe", "pipe", "pipe"],
    });
    let stderr = "";
    child.stderr?.setEncoding("utf8").on("data", (text: string) => (stderr += text));
    const lines = createInterface({ input: child.stdout });
    const heard = new Promise<void>((resolve) => lines.once("close", resolve));
    const exited = new Promise<void>((resolve) => child.once("exit", () => resolve()));
    const ended = Promise.all([heard, exited]).then(() => {
      if (!this.killed.has(child))
        this.wrong.push(`${options.name} ended by itself: ${stderr.slice(0, 2000)}`);
    });
    const life: Life = { child, ended, assigned: undefined, waits: undefined };
    lines.on("line", (line) => this.hear(options.name, life, line));
    // What is written to one that has just been killed is lost.
    child.stdin?.on("error", () => {});
    this.lives.set(place, life);
    return life;
  }

  /** Resolves when so many more events of the kind were heard. */
  heard(kind: HistoryEvent["kind"], times: number): Promise<void> {
    return new Promise((resolve) => {
      let left = times;
      const watch = (event: HistoryEvent): void => {
        if (event.kind !== kind || --left > 0) return;
        this.watchers.delete(watch);
        resolve();
      };
      this.watchers.add(watch);
    });
  }

  async kill({ child, ended }: Life): Promise<void> {
    this.killed.add(child);
    child.kill("SIGKILL");
    await ended;
  }

  async killAll(): Promise<void> {
    await Promise.all(Array.from(this.lives.values(), (life) => this.kill(life)));
  }

  private hear(name: string, life: Life, line: string): void {
    let told;
    try {
      told = fromLine(line);
    } catch {
      // Killed within a line.
      if (!this.killed.has(life.child)) this.wrong.push(`${name} said: ${line.slice(0, 200)}`);
      return;
    }
    if ("violation" in told) this.wrong.push(`${name}: ${told.violation}`);
    else if ("waits" in told) life.waits = told.waits;
    else {
      this.events.push(told.event);
      for (const watch of this.watchers) watch(told.event);
      if (told.event.kind === "assigned") life.assigned = told.event;
    }
  }
}
