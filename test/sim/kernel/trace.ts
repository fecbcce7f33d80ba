/** What happened in one run: counted always, told line by line when somebody reads it, and hashed so that two runs can be compared. */
export class Trace {
  /** How often each kind of thing happened, such as `crash: power loss`. */
  readonly counts = new Map<string, number>();
  /** What must never happen, in the words of the rule that was broken. */
  readonly violations: string[] = [];
  private readonly tell: ((line: string) => void) | undefined;
  private readonly now: () => number;
  private hash = 0x811c9dc5;

  /** `tell` gets each line of the story; without it only the hash is kept. */
  constructor(now: () => number, tell?: (line: string) => void) {
    this.now = now;
    this.tell = tell;
  }

  /** The same for the same history. */
  get digest(): string {
    return (this.hash >>> 0).toString(16).padStart(8, "0");
  }

  /** One line of the story: who, and what. */
  say(who: string, what: string): void {
    const line = `${this.now().toFixed(3).padStart(12)}  ${who.padEnd(16)} ${what}`;
    for (let at = 0; at < line.length; at++)
      this.hash = Math.imul(this.hash ^ line.charCodeAt(at), 0x01000193);
    this.tell?.(line);
  }

  count(what: string, times = 1): void {
    this.counts.set(what, (this.counts.get(what) ?? 0) + times);
  }

  violation(rule: string): void {
    this.say("VIOLATION", rule);
    this.violations.push(rule);
  }
}
