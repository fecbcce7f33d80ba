import type { Reason } from "../judge.ts";
import { NOT_THERE, of } from "./difference.ts";

const ABSENT = [
  "compression.*.level",
  "*.replication.throttled.replicas",
  "local.retention.*",
  "remote.log.*",
];

export const ofSettings: readonly Reason[] = [
  {
    what: "Settings that Rivulet has not",
    why:
      "Levels of compression, replication and remote storage: nothing here would heed them, and a setting that is taken and not " +
      "heeded is a promise that is broken. They are refused as unknown.",
    differences: ["CreateTopics", "DescribeConfigs"].flatMap((api) =>
      ABSENT.flatMap((name) => of(api, ["*", "*", `*.configs{${name}}`, "*", NOT_THERE])),
    ),
  },
  {
    what: "min.insync.replicas comes from nowhere",
    why: "Kafka's controller sets it for all brokers once it knows eligible leader replicas (KIP-966). There is one replica here.",
    differences: [
      ...of("CreateTopics", ["*", "*", "*{min.insync.replicas}.configSource", "3", "5"]),
      ...of("DescribeConfigs", ["*", "*", "*{min.insync.replicas}.*", "*", "*"]),
    ],
  },
  {
    what: "Defaults are told as such",
    why:
      "Where Kafka's default is that a setting in other units counts (`log.retention.hours` for `log.retention.ms`) Rivulet has only the " +
      "one in milliseconds, with its value.",
    differences: of(
      "DescribeConfigs",
      ["of a topic", "with synonyms", "*{retention.ms}.synonyms{log.retention.ms}", NOT_THERE, "*"],
      ["of a topic", "with synonyms", "*{segment.ms}.synonyms{log.roll.ms}", NOT_THERE, "*"],
      ["of a topic", "with synonyms", "*{segment.jitter.ms}.synonyms{log.roll.jitter.ms}", NOT_THERE, "*"],
      ["of a topic", "with synonyms", "*{flush.ms}.synonyms{log.flush.interval.ms}", NOT_THERE, "*"],
      ["of a broker", "this one", "*{log.retention.ms}.value", "null", "604800000"],
      ["of a broker", "this one", "*{log.retention.ms}.synonyms*", NOT_THERE, "*"],
    ),
  },
  {
    what: "Other defaults of the broker",
    why:
      "One partition for all groups, since there is one node, and no wait before a group's first generation. The Kafka of these scripts " +
      "was given the same values by hand.",
    differences: of(
      "DescribeConfigs",
      ["of a broker", "this one", "*{offsets.topic.num.partitions}.*", "*", "*"],
      ["of a broker", "this one", "*{group.initial.rebalance.delay.ms}.*", "*", "*"],
    ),
  },
  {
    what: "A setting of the broker that nobody knows",
    why: "Where Kafka has a setting that cannot be changed while it runs, and Rivulet has none of that name, it says so.",
    differences: ["AlterConfigs", "IncrementalAlterConfigs"].flatMap((api) =>
      of(api, [
        "of what is not there",
        "what a broker cannot change",
        "*errorCode",
        "INVALID_REQUEST",
        "INVALID_CONFIG",
      ]),
    ),
  },
  {
    what: "Documentation is our own",
    why: "It says what a setting does here.",
    differences: of("DescribeConfigs", ["of a topic", "with documentation", "*.documentation", "*", "*"]),
  },
  {
    what: "Values are stored in one form",
    why: "Without spaces around them, and truths in small letters. Kafka stores the text as it came.",
    differences: of(
      "CreateTopics",
      ["configs", "with spaces", "*{retention.ms}.value", " 1000 ", "1000"],
      ["configs", "a truth", "*{preallocate}.value", "FALSE", "false"],
    ),
  },
  {
    what: "Deleting a setting that nobody knows",
    why: "Kafka agrees that it is gone. Rivulet says that it is not known: most likely its name was misspelt.",
    differences: of("IncrementalAlterConfigs", [
      "of a topic",
      "delete what is unknown",
      "*errorCode",
      "NONE",
      "INVALID_CONFIG",
    ]),
  },
];
