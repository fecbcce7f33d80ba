/** A line for each sensor: the last ten minutes of a topic, and then whatever comes. */
import { connect, text } from "@rivulet/client";
import UPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { gatewayUrl } from "../gateway-url.ts";

const MINUTES = 10;
const FRAME_MS = 100;

const rivulet = await connect({ url: gatewayUrl });
const temperatures = rivulet.topic<string>("temperatures", { value: text() });

interface Line {
  readonly times: number[];
  readonly degrees: number[];
  readonly plot: UPlot;
}

const lines = new Map<string, Line>();
const charts = document.querySelector<HTMLElement>("#charts")!;
const state = document.querySelector("#state")!;

function lineOf(sensor: string): Line {
  const known = lines.get(sensor);
  if (known !== undefined) return known;
  const options: UPlot.Options = {
    title: sensor,
    width: Math.min(charts.clientWidth, 760),
    height: 200,
    legend: { show: false },
    series: [{}, { stroke: "#0b6b8a", width: 1.5 }],
  };
  const line = { times: [], degrees: [], plot: new UPlot(options, [[], []], charts) };
  line.plot.root.setAttribute("aria-label", sensor);
  lines.set(sensor, line);
  return line;
}

const changed = new Set<Line>();
setInterval(() => {
  for (const line of changed) line.plot.setData([line.times, line.degrees]);
  changed.clear();
  state.textContent = rivulet.state.name;
}, FRAME_MS);

let measuring: ReturnType<typeof setInterval> | undefined;
const button = document.querySelector("#measure")!;
button.addEventListener("click", () => {
  clearInterval(measuring);
  const isOn = button.getAttribute("aria-pressed") === "true";
  button.setAttribute("aria-pressed", String(!isOn));
  if (isOn) return;
  measuring = setInterval(() => {
    const degrees = 21 + 3 * Math.sin(Date.now() / 20_000) + Math.random() / 2;
    temperatures.publish({ key: "this device", value: degrees.toFixed(2) });
  }, 500);
});

const since = Date.now() - MINUTES * 60_000;
for await (const { key, value, timestamp } of temperatures.subscribe({ from: { timestamp: since } })) {
  const degrees = Number(value);
  if (key === null || Number.isNaN(degrees)) continue;
  const line = lineOf(key);
  line.times.push(timestamp / 1000);
  line.degrees.push(degrees);
  while ((line.times[0] ?? Infinity) < Date.now() / 1000 - MINUTES * 60) {
    line.times.shift();
    line.degrees.shift();
  }
  changed.add(line);
}
