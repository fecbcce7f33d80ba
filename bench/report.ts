/** What a bench hands back, and how a page of them reads. */
import type { Result } from "./harness.ts";

/** The same contenders over several cases: a block for each metric; or over one case, with a column for each metric. */
export interface Table {
  readonly title: string;
  /** Metrics to print, in order; all that were measured are in the JSON. */
  readonly metrics: readonly string[];
  /** The contender that the others' figures are divided by, where there is one. */
  readonly ratioTo?: string;
  readonly cases: readonly TableCase[];
}

export interface TableCase {
  readonly name: string;
  readonly results: readonly Result[];
}

/** What a figure should reach. */
export interface Aim {
  readonly what: string;
  readonly sense: "at least" | "at most";
  readonly bound: number;
  /** Undefined: a peer was left out. */
  readonly value: number | undefined;
}

export interface BenchReport {
  readonly name: string;
  readonly tables: readonly Table[];
  readonly aims: readonly Aim[];
  /** Peers that did not take part, and why; and whatever else a reader must know to judge the figures. */
  readonly notes: readonly string[];
  /** How much was computed, by name: the same for one seed and mode on every machine. */
  readonly counts: Readonly<Record<string, number>>;
  /** Of what was computed; contenders that disagree with it fail the bench. */
  readonly hash: string;
}

/** What a figure must at least be, and what it should be where that is more. */
export type BarAndAim = readonly [bar: number, aim?: number];

/** One line for the bar and, where there is one, another for the aim. */
export function barAndAim(what: string, [bar, aim]: BarAndAim, value: number | undefined): Aim[] {
  const sense = "at least";
  const lines: Aim[] = [{ what: `bar: ${what}`, sense, bound: bar, value }];
  if (aim !== undefined) lines.push({ what: `aim: ${what}`, sense, bound: aim, value });
  return lines;
}

/** Bounds that were missed, or could not be judged, do not fail a bench: times depend on the machine. */
export function verdict(aim: Aim): "met" | "missed" | "not measured" {
  if (aim.value === undefined) return "not measured";
  const met = aim.sense === "at least" ? aim.value >= aim.bound : aim.value <= aim.bound;
  return met ? "met" : "missed";
}

/** One page of text: tables of medians and ratios, then the aims. */
export function formatReports(reports: readonly BenchReport[]): string {
  const lines: string[] = [];
  for (const report of reports) {
    const counted = Object.entries(report.counts).map(([name, count]) => `${count} ${name}`);
    lines.push("", `${report.name}: ${[...counted, `hash ${report.hash}`].join(", ")}`);
    for (const table of report.tables) lines.push(...formatTable(table));
    for (const note of report.notes) lines.push(`  note: ${note}`);
  }
  const aims = reports.flatMap((report) => report.aims);
  if (aims.length > 0) lines.push("", "aims", ...aims.map(formatAim));
  return lines.join("\n");
}

function formatTable(table: Table): string[] {
  const contenders = new Set(table.cases.flatMap((each) => each.results.map((result) => result.contender)));
  const [only] = table.cases;
  if (only !== undefined && table.cases.length === 1) {
    const rows = [...contenders].map((contender) => [
      `  ${contender}`,
      ...table.metrics.map((metric) => formatCell(only.results, contender, metric, table.ratioTo)),
    ]);
    return alignColumns([[`${table.title}, ${only.name}`, ...table.metrics], ...rows]);
  }
  return table.metrics.flatMap((metric) => {
    const rows = [...contenders].map((contender) => [
      `  ${contender}`,
      ...table.cases.map(({ results }) => formatCell(results, contender, metric, table.ratioTo)),
    ]);
    return alignColumns([[`${table.title}, ${metric}`, ...table.cases.map((each) => each.name)], ...rows]);
  });
}

function formatCell(
  results: readonly Result[],
  contender: string,
  metric: string,
  ratioTo: string | undefined,
): string {
  const medianOf = (name: string | undefined): number | undefined =>
    results.find((result) => result.contender === name)?.metrics[metric]?.median;
  const median = medianOf(contender);
  if (median === undefined) return "-";
  const base = medianOf(ratioTo);
  return base === undefined
    ? formatNumber(median)
    : `${formatNumber(median)} (${formatNumber(median / base)})`;
}

/** Three digits that matter, in thousands and millions where that is shorter. */
export function formatNumber(value: number): string {
  if (!Number.isFinite(value)) return "-";
  if (value >= 999_500) return `${formatNumber(value / 1e6)}M`;
  if (value >= 9_995) return `${formatNumber(value / 1e3)}k`;
  if (value >= 99.95) return value.toFixed(0);
  return value >= 9.995 ? value.toFixed(1) : value.toFixed(2);
}

function formatAim(aim: Aim): string {
  const value = aim.value === undefined ? "-" : formatNumber(aim.value);
  return `  ${verdict(aim).padEnd(12)} ${value.padStart(6)}  ${aim.sense} ${aim.bound}: ${aim.what}`;
}

function alignColumns(rows: readonly (readonly string[])[]): string[] {
  const widths: number[] = [];
  for (const row of rows) {
    row.forEach((cell, column) => {
      widths[column] = Math.max(widths[column] ?? 0, cell.length);
    });
  }
  return rows.map((row) => {
    const cells = row.map((cell, column) => {
      const width = widths[column] ?? 0;
      return column === 0 ? cell.padEnd(width) : cell.padStart(width);
    });
    return `  ${cells.join("  ")}`.trimEnd();
  });
}
