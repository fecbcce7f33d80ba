/** How far a long run is, on stderr: one line that is written over on a terminal, one now and then elsewhere. */
export class Progress {
  private readonly total: number;
  private readonly what: string;
  private readonly beganMs = performance.now();
  private readonly stream = process.stderr;
  private done = 0;
  private saidMs = -Infinity;

  constructor(total: number, what: string) {
    this.total = total;
    this.what = what;
  }

  get seconds(): number {
    return (performance.now() - this.beganMs) / 1000;
  }

  /** Something that nobody should have to wait for. */
  say(line: string): void {
    this.stream.write(this.stream.isTTY ? `\r\x1b[K${line}\n` : `${line}\n`);
  }

  /** One more is done; `found` says what came of it so far. */
  step(found: string): void {
    this.done += 1;
    const intervalMs = this.stream.isTTY ? 200 : 10_000;
    const nowMs = performance.now();
    if (nowMs - this.saidMs < intervalMs && this.done < this.total) return;
    this.saidMs = nowMs;
    const rate = this.done / Math.max(this.seconds, 0.001);
    const left = Math.round((this.total - this.done) / rate);
    const line = `sim: ${this.done} of ${this.total} ${this.what}, ${rate.toFixed(1)}/s, ${found}, ${left} s left`;
    this.stream.write(this.stream.isTTY ? `\r\x1b[K${line}` : `${line}\n`);
  }

  end(): void {
    if (this.stream.isTTY) this.stream.write("\r\x1b[K");
  }
}
