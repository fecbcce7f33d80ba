/** A small seeded generator (mulberry32), so that a failure names the seed that repeats it. */
export class Random {
  readonly seed: number;
  private state: number;

  constructor(seed: number) {
    this.seed = seed;
    this.state = seed >>> 0;
  }

  /** An unsigned 32-bit number. */
  word(): number {
    this.state = (this.state + 0x6d2b79f5) >>> 0;
    let t = this.state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return (t ^ (t >>> 14)) >>> 0;
  }

  /** An integer in [0, limit). */
  below(limit: number): number {
    return Math.floor((this.word() / 2 ** 32) * limit);
  }

  /** True once in `times`. */
  oneIn(times: number): boolean {
    return this.below(times) === 0;
  }

  bytes(length: number): Uint8Array {
    return Uint8Array.from({ length }, () => this.word() & 255);
  }

  /** Bytes as a log has them: words of few letters, repeats, runs, and now and then noise. */
  text(length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    let at = 0;
    while (at < length) {
      const take = Math.min(length - at, 1 + this.below(40));
      const kind = this.below(10);
      if (kind === 0) bytes.set(this.bytes(take), at);
      else if (kind === 1) bytes.fill(this.below(256), at, at + take * 8);
      else if (kind < 7 && at > 0) {
        const back = 1 + this.below(Math.min(at, kind < 4 ? 300 : 65535));
        for (let i = 0; i < take; i++) bytes[at + i] = bytes[at + i - back] ?? 0;
      } else for (let i = 0; i < take; i++) bytes[at + i] = 97 + this.below(26);
      at += take;
    }
    return bytes;
  }
}
