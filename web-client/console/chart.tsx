/** A line over time, in the page's colours. */
import { useLayoutEffect, useRef } from "preact/hooks";
import UPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import type { Series } from "./activity.ts";
import { formatTime } from "./format.ts";

interface ChartProps {
  readonly title: string;
  /** What the values are, in words: for those who do not see the line. */
  readonly summary: string;
  readonly series: Series;
  readonly format: (value: number) => string;
}

const HEIGHT = 180;

export function Chart({ title, summary, series, format }: ChartProps) {
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<UPlot | undefined>(undefined);
  const isEmpty = series.values.every((value) => value === null);

  useLayoutEffect(() => {
    const element = place.current;
    if (element === null) return;
    const draw = (): void => {
      plot.current?.destroy();
      plot.current = new UPlot(options(element, format), dataOf(series), element);
    };
    draw();
    const resized = new ResizeObserver(() =>
      plot.current?.setSize({ width: element.clientWidth, height: HEIGHT }),
    );
    resized.observe(element);
    // Its colours are drawn, not styled.
    const scheme = matchMedia("(prefers-color-scheme: dark)");
    scheme.addEventListener("change", draw);
    return () => {
      scheme.removeEventListener("change", draw);
      resized.disconnect();
      plot.current?.destroy();
    };
  }, []);
  useLayoutEffect(() => plot.current?.setData(dataOf(series)), [series]);

  return (
    <figure class="chart">
      <figcaption>
        <b>{title}</b> <span class="quiet">{summary}</span>
      </figcaption>
      <div ref={place} role="img" aria-label={`${title}: ${summary}`} hidden={isEmpty} />
      {isEmpty && <p class="quiet">Nothing to draw yet.</p>}
    </figure>
  );
}

/** `14:02:33`, in the reader's time zone. */
function clock(seconds: number): string {
  return formatTime(seconds * 1000, seconds * 1000).slice(0, 8);
}

function dataOf({ times, values }: Series): UPlot.AlignedData {
  return [[...times], [...values]];
}

function options(element: HTMLElement, format: (value: number) => string): UPlot.Options {
  const style = getComputedStyle(element);
  const colour = (name: string): string => style.getPropertyValue(name).trim();
  const axis: UPlot.Axis = {
    stroke: colour("--quiet"),
    grid: { stroke: colour("--line"), width: 1 },
    ticks: { stroke: colour("--line"), width: 1 },
    font: `12px ${style.fontFamily}`,
  };
  return {
    width: element.clientWidth,
    height: HEIGHT,
    legend: { show: false },
    cursor: { drag: { x: false, y: false } },
    scales: { y: { range: (_plot, _min, max) => [0, Math.max(max, 1) * 1.1] } },
    axes: [
      { ...axis, values: (_plot, ticks) => ticks.map(clock) },
      { ...axis, size: 64, values: (_plot, ticks) => ticks.map(format) },
    ],
    series: [
      {},
      {
        stroke: colour("--accent"),
        fill: colour("--tint"),
        width: 1.5,
        spanGaps: true,
        points: { show: false },
      },
    ],
  };
}
