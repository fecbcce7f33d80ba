/** How a codec's figures are judged. */
import { MEGABYTES, ratio, type Result } from "../harness.ts";
import { barAndAim, type Aim, type BarAndAim } from "../report.ts";
import { IN_MEMORY } from "./contestants.ts";

/** The metric of compression: bytes before over bytes after. */
export const SMALLER = "times smaller";

/** Bounds for the engine in WASM memory over a library: the geometric mean over the inputs, at each size that is judged. */
export interface Bars {
  readonly native: string;
  readonly compress: BarAndAim;
  readonly decompress: BarAndAim;
  readonly smaller: BarAndAim;
  readonly other?: { readonly name: string; readonly decompress: BarAndAim };
}

export interface Measured {
  readonly way: "compress" | "decompress";
  readonly input: string;
  readonly size: string;
  readonly results: readonly Result[];
}

const JUDGED_SIZES = ["64 KiB", "1 MiB"];

/** No single cell may fall below this part of the bar, however good the mean. */
const CELL_SHARE = 0.5;

export function judge(codec: string, bars: Bars, measured: readonly Measured[]): Aim[] {
  const aims: Aim[] = [];
  const lines = (way: Measured["way"], metric: string, peer: string, bounds: BarAndAim): void => {
    const what = metric === SMALLER ? `${codec}, times smaller` : `${codec}, ${way}`;
    const cells = measured.filter((each) => each.way === way && JUDGED_SIZES.includes(each.size));
    const ratioOf = ({ results }: Measured): number => ratio(results, metric, IN_MEMORY, peer) ?? Number.NaN;
    for (const size of JUDGED_SIZES) {
      const ratios = cells.filter((each) => each.size === size).map(ratioOf);
      aims.push(...barAndAim(`${what} ${size}, times ${peer}`, bounds, known(geometricMean(ratios))));
    }
    const worst = cells.map((cell) => ({ name: `${cell.input} ${cell.size}`, value: ratioOf(cell) }));
    worst.sort((a, b) => a.value - b.value);
    const least = `${what}, its worst cell (${worst[0]?.name ?? "none"}), times ${peer}`;
    aims.push(...barAndAim(least, [bounds[0] * CELL_SHARE], known(worst[0]?.value)));
  };
  lines("compress", MEGABYTES, bars.native, bars.compress);
  lines("compress", SMALLER, bars.native, bars.smaller);
  lines("decompress", MEGABYTES, bars.native, bars.decompress);
  if (bars.other !== undefined) lines("decompress", MEGABYTES, bars.other.name, bars.other.decompress);
  return aims;
}

function geometricMean(values: readonly number[]): number {
  return Math.exp(values.reduce((sum, value) => sum + Math.log(value), 0) / values.length);
}

function known(value: number | undefined): number | undefined {
  return value === undefined || Number.isNaN(value) ? undefined : value;
}
