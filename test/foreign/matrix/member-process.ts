/** A process that is a member of a group, and what it says that it has read. */
import { spawn, type ChildProcessWithoutNullStreams } from "node:child_process";
import { createInterface } from "node:readline";
import type { Member } from "./client.ts";

export class MemberProcess {
  /** Called after each record that was read. */
  onRead: () => void = () => {};
  /** Resolves, to what it said, when the process ends without having been killed here. */
  readonly ended: Promise<string>;
  private readonly child: ChildProcessWithoutNullStreams;
  private readonly closed: Promise<void>;
  private readonly ever = new Map<number, number[]>();
  private readonly recent = new Map<number, { first: number; last: number }>();
  private stderr = "";
  private isKilled = false;

  constructor(member: Member) {
    this.child = spawn(member.command, member.args, { env: { ...process.env, ...member.env } });
    this.child.stdin.end();
    this.child.stderr.on("data", (chunk: Buffer) => {
      this.stderr = (this.stderr + chunk.toString()).slice(-4000);
    });
    createInterface({ input: this.child.stdout }).on("line", (line) => {
      const read = member.parse(line);
      if (read === undefined) return;
      this.note(read.partition, read.offset);
      this.onRead();
    });
    let tellEnd: (said: string) => void = () => {};
    this.ended = new Promise((resolve) => (tellEnd = resolve));
    this.closed = new Promise((resolve, reject) => {
      this.child.once("error", reject);
      this.child.once("close", () => {
        if (!this.isKilled) tellEnd(this.stderr);
        resolve();
      });
    });
  }

  /** SIGKILL; resolves when it is dead and all that it has said is heard. */
  async kill(): Promise<void> {
    this.isKilled = true;
    this.child.kill("SIGKILL");
    await this.closed;
  }

  /** From here on `firstOf` and `lastOf` tell of what is read later. */
  forget(): void {
    this.recent.clear();
  }

  /** Lowest offset that it has read of a partition; Infinity when none. */
  firstOf(partition: number): number {
    return this.recent.get(partition)?.first ?? Infinity;
  }

  /** Highest offset that it has read of a partition; -1 when none. */
  lastOf(partition: number): number {
    return this.recent.get(partition)?.last ?? -1;
  }

  everRead(partition: number): readonly number[] {
    return this.ever.get(partition) ?? [];
  }

  private note(partition: number, offset: number): void {
    const ever = this.ever.get(partition) ?? [];
    ever.push(offset);
    this.ever.set(partition, ever);
    const { first, last } = this.recent.get(partition) ?? { first: offset, last: offset };
    this.recent.set(partition, { first: Math.min(first, offset), last: Math.max(last, offset) });
  }
}
