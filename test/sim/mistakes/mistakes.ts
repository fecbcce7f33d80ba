/** All planted mistakes, room by room. */
import { gatewayMistakes } from "./gateway.ts";
import { logMistakes } from "./log.ts";
import { groupMistakes } from "./groups.ts";
import { keepingMistakes } from "./keeping.ts";
import type { Mistake } from "./mistake.ts";
import { syncMistakes } from "./sync.ts";
import { webClientMistakes } from "./web-client.ts";

export const mistakes: readonly Mistake[] = [
  ...logMistakes,
  ...keepingMistakes,
  ...gatewayMistakes,
  ...groupMistakes,
  ...syncMistakes,
  ...webClientMistakes,
];
