import type { Reason } from "../judge.ts";
import { of } from "./difference.ts";

export const ofGroups: readonly Reason[] = [
  {
    what: "The first epoch of a consumer group is 1",
    why: "In Kafka 4.3 it is 2. Members take whatever they are told, and each epoch is one more than the last in both.",
    differences: [
      ...of(
        "ConsumerGroupHeartbeat",
        ["*", "*", "*memberEpoch", "2", "1"],
        ["two members", "*", "*Epoch", "3", "2"],
      ),
      ...of("ConsumerGroupDescribe", ["*", "*", "*Epoch", "2", "1"], ["*", "empty", "*groupEpoch", "3", "2"]),
    ],
  },
];
