import { describe, expect, it } from "vitest";
import { HelpRequested, isLoopback, readSettings } from "../../gateway/settings.ts";
import { ErrorCode, KafkaError } from "../../wire/errors.ts";

const read = (args: string[], environment: Record<string, string> = {}) =>
  readSettings(args, environment, "1.2.3");

/** The one line that an operator is shown. */
function complaint(args: string[], environment: Record<string, string> = {}): string {
  try {
    read(args, environment);
  } catch (error) {
    expect(error).toBeInstanceOf(KafkaError);
    expect((error as KafkaError).code).toBe(ErrorCode.INVALID_CONFIG);
    expect((error as KafkaError).message).not.toContain("\n");
    return (error as KafkaError).message;
  }
  throw new Error("nothing was wrong with it");
}

describe("settings", () => {
  it("defaults to loopback and Kafka's port", () => {
    expect(read([])).toEqual({
      host: "127.0.0.1",
      httpPort: 8080,
      kafkaPort: 9092,
      dataDir: "./data",
      kafkaAdvertised: undefined,
      config: new Map(),
      allowOrigins: [],
      insecure: false,
      logLevel: "info",
    });
  });

  it("takes every setting from a flag", () => {
    const args = [
      "--host",
      "::1",
      "--http-port",
      "0",
      "--kafka-port=1",
      "--data-dir",
      "/d",
      "--kafka-advertised",
      "kafka.example:9092",
    ];
    args.push(
      "--config",
      "num.partitions=3",
      "--config",
      "cleanup.policy=compact,delete",
      "--allow-origin",
      "https://app.example",
    );
    args.push("--allow-origin", "http://localhost:5173", "--insecure", "--log-level", "debug");
    expect(read(args)).toEqual({
      host: "::1",
      httpPort: 0,
      kafkaPort: 1,
      dataDir: "/d",
      kafkaAdvertised: { host: "kafka.example", port: 9092 },
      config: new Map([
        ["num.partitions", "3"],
        ["cleanup.policy", "compact,delete"],
      ]),
      allowOrigins: ["https://app.example", "http://localhost:5173"],
      insecure: true,
      logLevel: "debug",
    });
  });

  it("takes every setting from the environment, and a flag wins over it", () => {
    const environment = {
      RIVULET_HOST: "0.0.0.0",
      RIVULET_HTTP_PORT: "81",
      RIVULET_KAFKA_PORT: "82",
      RIVULET_DATA_DIR: "/env",
      RIVULET_KAFKA_ADVERTISED: "[::1]:7",
      RIVULET_CONFIG: "num.partitions=3;cleanup.policy=compact,delete",
      RIVULET_ALLOW_ORIGIN: "https://a.example, https://b.example",
      RIVULET_INSECURE: "true",
      RIVULET_LOG_LEVEL: "warn",
    };
    expect(read([], environment)).toMatchObject({
      host: "0.0.0.0",
      httpPort: 81,
      kafkaPort: 82,
      dataDir: "/env",
      kafkaAdvertised: { host: "::1", port: 7 },
      config: new Map([
        ["num.partitions", "3"],
        ["cleanup.policy", "compact,delete"],
      ]),
      allowOrigins: ["https://a.example", "https://b.example"],
      insecure: true,
      logLevel: "warn",
    });
    const flags = ["--http-port", "1", "--config", "num.partitions=9", "--allow-origin", "https://c.example"];
    expect(read(flags, environment)).toMatchObject({
      httpPort: 1,
      kafkaPort: 82,
      config: new Map([["num.partitions", "9"]]),
      allowOrigins: ["https://c.example"],
    });
  });

  it.each([
    [["--http-port", "70000"], {}, /--http-port: "70000" is not a port/],
    [["--kafka-port", "-1"], {}, /--kafka-port/],
    [["--kafka-port", "1e3"], {}, /is not a port/],
    [[], { RIVULET_HTTP_PORT: "x\ny" }, /RIVULET_HTTP_PORT: "x\?y" is not a port/],
    [["--no-such-flag"], {}, /unknown option '--no-such-flag'/],
    [["leftover"], {}, /too many arguments/],
    [["--http-port"], {}, /argument missing/],
    [["--config", "novalue"], {}, /is not key=value/],
    [["--kafka-advertised", "nowhere"], {}, /is not host:port/],
    [["--allow-origin", "https://a.example/path"], {}, /is not an origin/],
    [["--allow-origin", "null"], {}, /is not an origin/],
    [["--allow-origin", "*"], {}, /is not an origin/],
    [["--host", "a b"], {}, /is not an address/],
    [["--data-dir", ""], {}, /is not a path/],
    [[], { RIVULET_INSECURE: "maybe" }, /neither true nor false/],
    [["--log-level", "loud"], {}, /is not one of/],
  ] as [string[], Record<string, string>, RegExp][])(
    "refuses %j %j in one line",
    (args, environment, line) => {
      expect(complaint(args, environment)).toMatch(line);
    },
  );

  it("refuses an address that others can reach, unless --insecure says it is meant", () => {
    expect(complaint(["--host", "0.0.0.0"])).toMatch(/refuses to listen on 0\.0\.0\.0.*--insecure/);
    expect(complaint(["--host", "192.168.1.5"])).toMatch(/refuses/);
    expect(read(["--host", "0.0.0.0", "--insecure"]).host).toBe("0.0.0.0");
  });

  it.each(["127.0.0.1", "127.1.2.3", "::1", "localhost"])("knows %s as this machine's own", (host) => {
    expect(isLoopback(host)).toBe(true);
  });

  it.each(["128.0.0.1", "127.0.0.1.example", "localhost.example", "::", "0.0.0.0"])(
    "knows that %s is not",
    (host) => {
      expect(isLoopback(host)).toBe(false);
    },
  );

  it("answers --help with every flag and its variable", () => {
    expect(() => read(["--help"])).toThrow(HelpRequested);
    expect(() => read(["--help"])).toThrow(/--kafka-advertised.*[\s\S]*RIVULET_KAFKA_ADVERTISED/);
    expect(() => read(["--version"])).toThrow(/1\.2\.3/);
  });
});
