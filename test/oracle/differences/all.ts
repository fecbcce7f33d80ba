/** How Rivulet is known to differ from Apache Kafka: `docs/kafka-differences.md` is made of it. */
import type { Reason } from "../judge.ts";
import { acrossApis } from "./across-apis.ts";
import { ofLog } from "./of-log.ts";
import { ofSettings } from "./of-settings.ts";
import { ofTopics } from "./of-topics.ts";
import { unserved } from "./unserved.ts";

export const reasons: readonly Reason[] = [...acrossApis, ...ofLog, ...ofTopics, ...ofSettings, ...unserved];
