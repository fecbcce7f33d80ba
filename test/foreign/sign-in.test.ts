/** Foreign clients sign in with tokens, renew them on their connections, and are told why when they are not let in. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Producer, SASLMechanisms, stringSerializers } from "@platformatic/kafka";
import kafkajs from "kafkajs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startGuardedGateway, type GuardedGateway } from "../gateway/sign-in/issuer.ts";
import { runKafkaTool } from "../tools/kafka-tools.ts";
import { describeWith } from "../tools/require-tool.ts";
import { startKcat } from "./clients/kcat.ts";

let gateway: GuardedGateway;
let broker: string;

beforeAll(async () => {
  gateway = await startGuardedGateway();
  broker = `127.0.0.1:${gateway.kafkaPort}`;
});
afterAll(() => gateway.stop());

const logged = (): string => JSON.stringify(gateway.logged);
const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

describe("kafkajs", () => {
  function client(token: () => Promise<string>): InstanceType<typeof kafkajs.Kafka> {
    return new kafkajs.Kafka({
      clientId: "kafkajs-test",
      brokers: [broker],
      logLevel: kafkajs.logLevel.NOTHING,
      retry: { retries: 1 },
      sasl: {
        mechanism: "oauthbearer",
        oauthBearerProvider: async () => ({ value: await token() }),
      },
    });
  }

  test("produces and consumes in a group, with tokens that run out on the way", async () => {
    let made = 0;
    const kafka = client(() => {
      made += 1;
      return gateway.issuer.token("kafkajs", { expiresIn: 4 });
    });
    const producer = kafka.producer({ idempotent: true, maxInFlightRequests: 1 });
    await producer.connect();
    for (let n = 0; n < 12; n++) {
      await producer.send({ topic: "by-kafkajs", acks: -1, messages: [{ key: "k", value: `value ${n}` }] });
      await sleep(500);
    }
    await producer.disconnect();
    expect(made).toBeGreaterThan(2);
    const consumer = kafka.consumer({ groupId: "kafkajs-readers" });
    await consumer.connect();
    await consumer.subscribe({ topic: "by-kafkajs", fromBeginning: true });
    const values: string[] = [];
    await new Promise<void>((resolve, reject) => {
      consumer
        .run({
          eachMessage: ({ message }) => {
            values.push(String(message.value));
            if (values.length === 12) resolve();
            return Promise.resolve();
          },
        })
        .catch(reject);
    });
    await consumer.disconnect();
    expect(values).toEqual(Array.from({ length: 12 }, (_, n) => `value ${n}`));
  });

  test("is told why it is not let in", async () => {
    const admin = client(() => gateway.issuer.token("kafkajs", { claims: { aud: "others" } })).admin();
    await expect(admin.connect()).rejects.toThrow(
      /SASL OAUTHBEARER authentication failed.*somebody else \(aud\)/,
    );
    await admin.disconnect();
  });
});

describe("@platformatic/kafka", () => {
  test("produces for longer than any of its tokens lasts", async () => {
    let made = 0;
    const producer = new Producer({
      clientId: "platformatic-test",
      bootstrapBrokers: [broker],
      serializers: stringSerializers,
      autocreateTopics: true,
      retries: 1,
      sasl: {
        mechanism: SASLMechanisms.OAUTHBEARER,
        token: () => {
          made += 1;
          return gateway.issuer.token("platformatic", { expiresIn: 4 });
        },
      },
    });
    for (let n = 0; n < 14; n++) {
      await producer.send({ messages: [{ topic: "by-platformatic", key: "k", value: `value ${n}` }] });
      await sleep(500);
    }
    await producer.close();
    expect(made).toBeGreaterThan(2);
  });

  test("is told that it is not let in", async () => {
    const producer = new Producer({
      clientId: "platformatic-test",
      bootstrapBrokers: [broker],
      serializers: stringSerializers,
      retries: 0,
      sasl: { mechanism: SASLMechanisms.OAUTHBEARER, token: "not.a.token" },
    });
    await expect(producer.send({ messages: [{ topic: "x", key: "k", value: "v" }] })).rejects.toThrow();
    await producer.close();
    expect(logged()).toContain("it is not a signed JWT");
  });
});

describeWith(["kcat"], "kcat", () => {
  test("with a token that nobody has signed is not let in, and says why", async () => {
    const sasl = {
      "security.protocol": "SASL_PLAINTEXT",
      "sasl.mechanisms": "OAUTHBEARER",
      "enable.sasl.oauthbearer.unsecure.jwt": "true",
      "sasl.oauthbearer.config": "principal=admin",
    };
    const options = Object.entries(sasl).flatMap(([name, value]) => ["-X", `${name}=${value}`]);
    const { stderr, code } = await startKcat(broker, ["-L", "-m", "5", ...options], { timeoutMs: 60_000 })
      .finished;
    expect(code).not.toBe(0);
    expect(String(stderr)).toMatch(/the token is refused/);
  });

  test("without signing in gets nothing", async () => {
    const { code } = await startKcat(broker, ["-L", "-m", "5"], { timeoutMs: 60_000 }).finished;
    expect(code).not.toBe(0);
    expect(logged()).toMatch(/ILLEGAL_SASL_STATE: Metadata before anybody has signed in/);
  });
});

describeWith(["kafka-tools"], "Java's client", () => {
  let directory: string;
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), "rivulet-java-"));
  });
  afterAll(() => rm(directory, { recursive: true, force: true }));

  async function topics(token: string, ...args: string[]): ReturnType<typeof runKafkaTool> {
    const tokenFile = join(directory, "token");
    await writeFile(tokenFile, token);
    const properties = join(directory, "client.properties");
    const settings = {
      "security.protocol": "SASL_PLAINTEXT",
      "sasl.mechanism": "OAUTHBEARER",
      "sasl.jaas.config": "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required;",
      "sasl.login.callback.handler.class":
        "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginCallbackHandler",
      "sasl.oauthbearer.token.endpoint.url": `file://${tokenFile}`,
    };
    await writeFile(
      properties,
      Object.entries(settings)
        .map(([name, value]) => `${name}=${value}\n`)
        .join(""),
    );
    const allowed = ["urls", "files"].map(
      (kind) =>
        `-Dorg.apache.kafka.sasl.oauthbearer.allowed.${kind}=${kind === "urls" ? `file://${tokenFile}` : tokenFile}`,
    );
    return runKafkaTool(
      "org.apache.kafka.tools.TopicCommand",
      ["--bootstrap-server", broker, "--command-config", properties, ...args],
      { env: { JAVA_TOOL_OPTIONS: allowed.join(" ") } },
    );
  }

  test("Java's client makes and lists topics with a token from a file", async () => {
    const token = await gateway.issuer.token("java");
    const made = await topics(token, "--create", "--topic", "by-java", "--partitions", "3");
    expect(String(made.stdout) + String(made.stderr)).toContain("Created topic by-java");
    expect(String((await topics(token, "--list")).stdout)).toContain("by-java");
  });

  test("Java's client is told why it is not let in", async () => {
    const { stdout, stderr } = await topics(
      await gateway.issuer.token("java", { claims: { iss: "https://evil.example" } }),
      "--list",
    );
    expect(String(stdout) + String(stderr)).toMatch(/somebody else than is trusted here \(iss\)/);
  });
});
