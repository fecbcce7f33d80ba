/**
 * `npm run crashes -- --kills 200 --takeovers 50 --seed 7`: the browser's crash matrix for as long as one likes. What is left
 * out: 200 deaths of all kinds, 50 of a leader, and a seed that is drawn and printed.
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
  },
});
for (const [name, value] of Object.entries(values))
  if (!/^\d+$/.test(value)) throw new Error(`--${name} ${value} is not a whole number`);

const { status } = spawnSync(
  process.execPath,
  [join(root, "test/run.mjs"), "--project", "foreign", "test/web-client/crashes"],
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
