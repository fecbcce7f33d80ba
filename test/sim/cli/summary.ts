/** What many seeds came to, for the person who asked. */
import type { SeedReport } from "./task.ts";

/** Seeds that broke the same rule, as far as its words tell. */
interface Failure {
  seeds: number[];
  /** The first violation of the lowest of them. */
  text: string;
}

/** Failing seeds that are listed of one rule. */
const SEEDS_LISTED_MAX = 8;

export class Summary {
  readonly counts = new Map<string, number>();
  seeds = 0;
  events = 0;
  simulatedMs = 0;
  /** Sum of the seeds' own wall times. */
  tookMs = 0;
  slowest: { readonly seed: number; readonly tookMs: number } | undefined;
  private readonly failures = new Map<string, Failure>();
  private failedSeeds = 0;

  get failed(): number {
    return this.failedSeeds;
  }

  add(report: SeedReport): void {
    this.seeds += 1;
    this.events += report.events;
    this.simulatedMs += report.simulatedMs;
    this.tookMs += report.tookMs;
    if (report.tookMs > (this.slowest?.tookMs ?? 0)) this.slowest = report;
    for (const [what, times] of report.counts) this.counts.set(what, (this.counts.get(what) ?? 0) + times);
    const [text] = report.violations;
    if (text === undefined) return;
    this.failedSeeds += 1;
    const known = this.failures.get(ruleOf(text));
    if (known === undefined) this.failures.set(ruleOf(text), { seeds: [report.seed], text });
    else {
      if (report.seed < Math.min(...known.seeds)) known.text = text;
      known.seeds.push(report.seed);
    }
  }

  /** What was exercised: a line for each count, below the group that it belongs to. */
  exercised(): string {
    const groups = new Map<string, [what: string, times: number][]>();
    for (const [name, times] of this.counts) {
      const [group = "", ...what] = name.split(": ");
      groups.set(group, [...(groups.get(group) ?? []), [what.join(": ") || "times", times]]);
    }
    const lines: string[] = [];
    for (const [group, rows] of [...groups].toSorted(([a], [b]) => a.localeCompare(b))) {
      lines.push(group);
      for (const [what, times] of rows.toSorted(([a], [b]) => a.localeCompare(b)))
        lines.push(`  ${what.padEnd(52)} ${times.toLocaleString("en").padStart(14)}`);
    }
    return lines.join("\n");
  }

  /** The rules that were broken, the one that most seeds broke first, and how to see one of them again. */
  failing(): string {
    const rules = [...this.failures.values()].toSorted((a, b) => b.seeds.length - a.seeds.length);
    return rules.map(describe).join("\n");
  }
}

function describe({ seeds, text }: Failure): string {
  const sorted = seeds.toSorted((a, b) => a - b);
  const listed = sorted.slice(0, SEEDS_LISTED_MAX).join(", ");
  const more = sorted.length > SEEDS_LISTED_MAX ? ", ..." : "";
  const times = sorted.length === 1 ? "1 seed" : `${sorted.length} seeds`;
  return `${times} (${listed}${more}): ${text}\n  replay: npm run sim -- --seed ${sorted[0]}`;
}

/** What a violation says, without whom and where it says it of. */
export function ruleOf(violation: string): string {
  const [line = ""] = violation.split("\n");
  return line.replaceAll(/[A-Za-z0-9_-]{22}/g, "<id>").replaceAll(/\d+/g, "#");
}
