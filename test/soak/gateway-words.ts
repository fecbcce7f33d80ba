/** What the gateways of a soak have logged: what was looked after, and what went wrong. */
import { createInterface } from "node:readline";
import type { SpawnedGateway } from "../gateway/spawn-gateway.ts";

const WARN = 40;
const TAIL_LINES = 20;
const WARNINGS_MAX = 1000;

export class GatewayWords {
  compactions = 0;
  removedSegments = 0;
  readonly warnings: string[] = [];
  private readonly last: string[] = [];

  listen({ process: { stderr } }: SpawnedGateway): void {
    if (stderr !== null) createInterface({ input: stderr }).on("line", (line) => this.take(line));
  }

  /** The end of it. */
  get tail(): string {
    return this.last.join("\n");
  }

  private take(line: string): void {
    this.last.push(line);
    if (this.last.length > TAIL_LINES) this.last.shift();
    if (!line.startsWith("{")) {
      this.warn(line);
      return;
    }
    const { level, msg } = JSON.parse(line) as { level: number; msg: string };
    if (level >= WARN) this.warn(msg);
    if (msg.includes(" is compacted up to offset ")) this.compactions++;
    this.removedSegments += Number(/ has removed (\d+) segments$/.exec(msg)?.[1] ?? 0);
  }

  private warn(words: string): void {
    if (this.warnings.length < WARNINGS_MAX) this.warnings.push(words);
  }
}
