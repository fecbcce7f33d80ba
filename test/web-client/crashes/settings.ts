/** How much a run does, and what repeats it: `npm run crashes -- --kills 200 --seed 7` sets the same variables. */

/** Drawn anew where it is not given, and printed. */
export const SEED = Number(process.env.RIVULET_SEED ?? Math.floor(Math.random() * 2 ** 31));
/** How much dies in the long run of everything at once. */
export const KILLS = Number(process.env.RIVULET_KILLS ?? 6);
/** How often the tab that leads ten dies. */
export const TAKEOVERS = Number(process.env.RIVULET_TAKEOVERS ?? 3);
