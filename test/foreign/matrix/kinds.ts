/** The rows of the matrix. */
import type { ClientKind } from "./client.ts";
import { confluentJavascript } from "./clients/confluent-javascript.ts";
import { javaKind } from "./clients/java.ts";
import { kafkajsKind } from "./clients/kafkajs.ts";
import { kcatKind } from "./clients/kcat.ts";
import { platformaticKind } from "./clients/platformatic.ts";
import { confluentPython, kafkaPython } from "./clients/python.ts";

export const kinds: readonly ClientKind[] = [
  javaKind,
  kcatKind,
  kafkajsKind,
  platformaticKind,
  confluentJavascript,
  confluentPython,
  kafkaPython,
];
