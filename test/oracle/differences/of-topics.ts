import type { Reason } from "../judge.ts";
import { NOT_THERE, of } from "./difference.ts";

export const ofTopics: readonly Reason[] = [
  {
    what: "A topic that is created on first use is there at once",
    why: "Kafka answers UNKNOWN_TOPIC_OR_PARTITION until its controller has made it, and the client asks again.",
    differences: of("Metadata", [
      "of topics that are not there",
      "to be created",
      "topics{new}.errorCode",
      "UNKNOWN_TOPIC_OR_PARTITION",
      "NONE",
    ]),
  },
  {
    what: "Names that begin with two underscores are the log's own",
    why: "Rivulet keeps them for its internal topics, those to come included; in Kafka anybody may take one.",
    differences: [
      ...of("Metadata", [
        "of topics that are not there",
        "an internal name",
        "*errorCode",
        "UNKNOWN_TOPIC_OR_PARTITION",
        "INVALID_TOPIC_EXCEPTION",
      ]),
      ...of("CreateTopics", ["names", "internal", "*errorCode", "NONE", "INVALID_TOPIC_EXCEPTION"]),
    ],
  },
  {
    what: "Topics by id and topics by name in one Metadata",
    why: "As soon as one topic is asked for by id, Kafka forgets those that are asked for by name. Rivulet answers all.",
    differences: of("Metadata", [
      "of topics by id",
      "one by id, one by name",
      "topics{one again}",
      NOT_THERE,
      "*",
    ]),
  },
  {
    what: "Time-outs of changes",
    why: "A change of topics takes as long as it takes, and is answered when it is durable; a time-out of 0 fails it in Kafka.",
    differences: ["CreatePartitions", "CreateTopics"].flatMap((api) =>
      of(api, ["*", "with no time", "*errorCode", "REQUEST_TIMED_OUT", "NONE"]),
    ),
  },
  {
    what: "No id for a topic that is not made",
    why: "Where a topic is only to be validated Kafka makes an id up, which is nobody's.",
    differences: of("CreateTopics", ["*", "*", "*topicId", "<topic *>", "AAAAAAAAAAAAAAAAAAAAAA"]),
  },
  {
    what: "A topic that is named by id and by name in one DeleteTopics",
    why: "Both refuse it. Kafka answers with both, Rivulet with what was named first.",
    differences: of("DeleteTopics", ["by id", "the same by id and by name", "*.name", "b", "null"]),
  },
];
