/** `npm run sim`, as bundled and started by `run.mjs`: see the README beside that. */
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { runMistakes } from "./mistakes.ts";
import { many, replay, type Place } from "./modes.ts";

const USAGE = `usage: npm run sim -- --seed <n>                     replay one history and print it
       npm run sim -- --seeds <count> [--from <n>]     run many, and print what they came to
                      [--determinism <k>]              run every k-th twice and compare
       npm run sim -- --mistakes [--only <name>]       run the planted mistakes: each must be caught
                      [--seeds <count>]                within so many seeds (1000)`;

const here = dirname(fileURLToPath(import.meta.url));
const place: Place = { root: join(here, "../.."), script: join(here, "worker.js") };

process.exitCode = await main();

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      seed: { type: "string" },
      seeds: { type: "string" },
      from: { type: "string" },
      determinism: { type: "string" },
      mistakes: { type: "boolean" },
      only: { type: "string" },
    },
  });
  const numberOf = (name: "seed" | "seeds" | "from" | "determinism", least: number): number | undefined => {
    const value = values[name];
    if (value === undefined) return undefined;
    const number = Number(value);
    if (!Number.isSafeInteger(number) || number < least) throw new Error(`--${name} is no number: ${value}`);
    return number;
  };
  const seed = numberOf("seed", 0);
  const count = numberOf("seeds", 1);
  if (values.mistakes === true)
    return runMistakes(place.root, { only: values.only, seedsMax: count ?? 1000 });
  if (seed !== undefined) return replay(place, seed);
  if (count !== undefined) {
    const [from, twiceEvery] = [numberOf("from", 0) ?? 1, numberOf("determinism", 1) ?? 0];
    return many(place, { from, count, twiceEvery });
  }
  console.error(USAGE);
  return 1;
}
