import { SignIn } from "../api/sign-in.ts";
import type { Clock } from "../../log/clock.ts";
import type { BrokerConfig } from "../../log/config.ts";
import type { Logger } from "../../log/logger.ts";
import { signInSettings } from "./settings.ts";

/** undefined: nobody has to sign in. Rejects with KafkaError INVALID_CONFIG for settings or key files that cannot be used. */
export async function openSignIn(
  config: BrokerConfig,
  { clock, log, signInMs }: { clock: Clock; log: Logger; signInMs?: number | undefined },
): Promise<SignIn | undefined> {
  const settings = signInSettings(config);
  if (settings === undefined) return undefined;
  // Only now: what they stand on would take a tenth of a start that needs none of it.
  const [{ tokenCheck }, { openKeys }] = await Promise.all([import("./check-token.ts"), import("./keys.ts")]);
  const { algorithms, maxReauthMs, failureDelayMs, requestBytesMax, skewSeconds } = settings;
  const keys = await openKeys(settings.keys, { clock, log, algorithms });
  return new SignIn({
    checkToken: tokenCheck({ settings, keys, clock, log }),
    clock,
    maxReauthMs,
    failureDelayMs,
    requestBytesMax,
    skewMs: skewSeconds * 1000,
    ...(signInMs === undefined ? {} : { signInMs }),
  });
}
