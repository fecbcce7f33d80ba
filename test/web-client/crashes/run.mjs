/**
 * `npm run crashes -- --kills 200 --takeovers 50 --seed 7 --browser firefox`: the browser's crash matrix for as long as one
 * likes. What is left out: Chromium, 200 deaths of all kinds, 50 of a leader, and a seed that is drawn and printed.
 */
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { parseArgs } from "node:util";

const root = join(import.meta.dirname, "../../..");
const { values } = parseArgs({
  options: {
    kills: { type: "string", default: "200" },
    takeovers: { type: "string", default: "50" },
    seed: { type: "string" },
    browser: { type: "string", default: "chromium" },
  },
});
const { browser, ...numbers } = values;
if (!["chromium", "firefox"].includes(browser))
  throw new Error(`--browser ${browser} is neither chromium nor firefox`);
for (const [name, value] of Object.entries(numbers))
  if (!/^\d+$/.test(value)) throw new Error(`--${name} ${value} is not a whole number`);

const { status } = spawnSync(
  process.execPath,
  [
    join(root, "test/run.mjs"),
    "--project",
    browser === "firefox" ? "firefox" : "foreign",
    "test/web-client/crashes",
  ],
  {
    cwd: root,
    stdio: "inherit",
    env: {
      ...process.env,
      RIVULET_KILLS: values.kills,
      RIVULET_TAKEOVERS: values.takeovers,
      ...(values.seed !== undefined && { RIVULET_SEED: values.seed }),
    },
  },
);
process.exitCode = status ?? 1;
