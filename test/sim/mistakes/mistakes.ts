/** All planted mistakes, room by room. */
import type { Mistake } from "./mistake.ts";

export const mistakes: readonly Mistake[] = [];
