/**
 * What can be set from outside, by flag and by environment alike, checked before anything is opened.
 *
 * A bad value is a KafkaError INVALID_CONFIG whose message is the one line that the command prints.
 */
import { Command, CommanderError, Option } from "commander";
import { resolve } from "node:path";
import { ErrorCode, KafkaError } from "../wire/errors.ts";

export interface HostAndPort {
  host: string;
  port: number;
}

export interface Settings {
  /** Address that both listeners are bound to. */
  host: string;
  /** 0 takes a free port. */
  httpPort: number;
  kafkaPort: number;
  /** As the user wrote it; relative to the working directory. */
  dataDir: string;
  /** What Metadata tells Kafka clients; undefined: the address and port that are listened on. */
  kafkaAdvertised: HostAndPort | undefined;
  /** Kafka's broker settings by Kafka's names. */
  config: ReadonlyMap<string, string>;
  /** Web origins besides the console's own that may call, as browsers send them (`https://app.example`). */
  allowOrigins: readonly string[];
  /** Serve without authentication and without TLS beyond this machine. */
  insecure: boolean;
  logLevel: LogLevel;
}

const LOG_LEVELS = ["silent", "error", "warn", "info", "debug", "trace"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** What `--help` or `--version` asked for: text to print, and nothing to run. */
export class HelpRequested extends Error {
  override readonly name = "HelpRequested";
}

/** Settings from the arguments after the command's name and from the environment; a flag wins over its variable. */
export function readSettings(
  args: readonly string[],
  environment: Record<string, string | undefined>,
  version: string,
): Settings {
  let printed = "";
  const command = new Command("rivulet")
    .description("Kafka's log for the web: Kafka's protocol over TCP and WebSocket on one log")
    .version(version)
    .exitOverride()
    .configureOutput({ writeOut: (text) => void (printed += text), writeErr: () => {} });
  for (const option of options) command.addOption(option.build(environment));
  command.allowExcessArguments(false);
  try {
    command.parse([...args], { from: "user" });
  } catch (error) {
    if (error instanceof KafkaError) throw error;
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) throw new HelpRequested(printed.trimEnd());
    throw invalid(
      error.message.replace(/^error: /, "").replaceAll("\n", " ") + " (--help lists what there is)",
    );
  }
  const { allowOrigin, ...others } = command.opts<
    Omit<Settings, "allowOrigins"> & { allowOrigin: readonly string[] }
  >();
  const settings: Settings = { ...others, allowOrigins: allowOrigin };
  refuseOpenDoors(settings);
  return settings;
}

/** Addresses that only this machine can reach. */
export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127(\.\d{1,3}){3}$/.test(host);
}

/** `host:port`, with brackets around an IPv6 address. */
export function formatHostAndPort({ host, port }: HostAndPort): string {
  return `${host.includes(":") ? `[${host}]` : host}:${port}`;
}

function refuseOpenDoors({ host, insecure, config }: Settings): void {
  if (insecure || isLoopback(host)) return;
  const danger =
    (config.get("sasl.enabled.mechanisms") ?? "") === ""
      ? "nobody has to sign in (sasl.enabled.mechanisms) and there is no TLS, so anyone who reaches that address could " +
        "read and write every topic"
      : "there is no TLS here, so tokens and records could be read on their way";
  throw invalid(
    `refuses to listen on ${host}: ${danger}. ` +
      `Use --host 127.0.0.1, or add --insecure when the network is one you trust`,
  );
}

/** One setting: its flag, its variable, and how its text is read. Lists are repeated flags, or a variable with separators. */
interface SettingOption {
  build(environment: Record<string, string | undefined>): Option;
}

function setting<T>(
  flags: string,
  variable: string,
  description: string,
  initial: T,
  read: (text: string, name: string) => T,
): SettingOption {
  const build = (environment: Record<string, string | undefined>): Option => {
    const option = new Option(flags, `${description} (env: ${variable})`);
    const fromEnvironment = environment[variable];
    const isSet = fromEnvironment !== undefined && fromEnvironment !== "";
    option.default(isSet ? read(fromEnvironment, variable) : initial);
    option.defaultValueDescription = String(initial);
    return option.argParser((text) => read(text, option.long ?? flags));
  };
  return { build };
}

/** A flag that may be repeated: what the flags name replaces what the variable names. */
function list<T>(
  flags: string,
  variable: string,
  separator: RegExp,
  description: string,
  collect: (texts: readonly string[], name: string) => T,
): SettingOption {
  const build = (environment: Record<string, string | undefined>): Option => {
    const option = new Option(flags, `${description} (repeatable; env: ${variable})`);
    const texts = (environment[variable] ?? "").split(separator).map((text) => text.trim());
    option.default(
      collect(
        texts.filter((text) => text !== ""),
        variable,
      ),
      "none",
    );
    const given: string[] = [];
    return option.argParser((text) => {
      given.push(text);
      return collect(given, option.long ?? flags);
    });
  };
  return { build };
}

function toggle(flags: string, variable: string, description: string): SettingOption {
  const build = (environment: Record<string, string | undefined>): Option =>
    new Option(flags, `${description} (env: ${variable})`).default(
      readBoolean(environment[variable] ?? "", variable),
    );
  return { build };
}

const options: readonly SettingOption[] = [
  setting("--host <address>", "RIVULET_HOST", "address to listen on", "127.0.0.1", readHost),
  setting(
    "--http-port <port>",
    "RIVULET_HTTP_PORT",
    "port of console, WebSocket and HTTP; 0 takes a free one",
    8080,
    readPort,
  ),
  setting(
    "--kafka-port <port>",
    "RIVULET_KAFKA_PORT",
    "port for Kafka clients; 0 takes a free one",
    9092,
    readPort,
  ),
  setting("--data-dir <path>", "RIVULET_DATA_DIR", "directory of the log", "./data", readPath),
  setting<HostAndPort | undefined>(
    "--kafka-advertised <host:port>",
    "RIVULET_KAFKA_ADVERTISED",
    "address that Kafka clients are told to use",
    undefined,
    readHostAndPort,
  ),
  list("--config <key=value>", "RIVULET_CONFIG", /[;\n]/, "one of Kafka's broker settings", readConfig),
  list("--allow-origin <origin>", "RIVULET_ALLOW_ORIGIN", /[\s,]+/, "web origin that may call", readOrigins),
  toggle("--insecure", "RIVULET_INSECURE", "allow --host to be an address that others can reach"),
  setting(
    "--log-level <level>",
    "RIVULET_LOG_LEVEL",
    `one of ${LOG_LEVELS.join(", ")}`,
    "info" as LogLevel,
    readLogLevel,
  ),
];

function readHost(text: string, name: string): string {
  const host = text.startsWith("[") && text.endsWith("]") ? text.slice(1, -1) : text;
  if (!/^[A-Za-z0-9_.:%-]{1,255}$/.test(host)) throw invalid(`${name}: "${shown(text)}" is not an address`);
  return host;
}

function readPort(text: string, name: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  if (!(port <= 65535))
    throw invalid(`${name}: "${shown(text)}" is not a port; ports are whole numbers from 0 to 65535`);
  return port;
}

function readPath(text: string, name: string): string {
  if (text === "" || text.includes("\0")) throw invalid(`${name}: "${shown(text)}" is not a path`);
  return text;
}

function readHostAndPort(text: string, name: string): HostAndPort {
  const parts = /^(\[[^\]]+\]|[^:]+):(\d+)$/.exec(text);
  if (parts?.[1] === undefined || parts[2] === undefined) {
    throw invalid(`${name}: "${shown(text)}" is not host:port, for example kafka.example:9092`);
  }
  const port = readPort(parts[2], name);
  if (port === 0) throw invalid(`${name}: port 0 cannot be advertised`);
  return { host: readHost(parts[1], name), port };
}

function readConfig(texts: readonly string[], name: string): ReadonlyMap<string, string> {
  const config = new Map<string, string>();
  for (const text of texts) {
    const at = text.indexOf("=");
    if (at < 1) throw invalid(`${name}: "${shown(text)}" is not key=value, for example num.partitions=3`);
    config.set(text.slice(0, at).trim(), text.slice(at + 1).trim());
  }
  return config;
}

function readOrigins(texts: readonly string[], name: string): readonly string[] {
  for (const text of texts) {
    if (!isOrigin(text)) {
      throw invalid(
        `${name}: "${shown(text)}" is not an origin; write scheme, host and port only, as in https://app.example`,
      );
    }
  }
  return [...texts];
}

/** An origin exactly as a browser would send it: no path, no default port, lower case. */
function isOrigin(text: string): boolean {
  try {
    return new URL(text).origin === text && text !== "null";
  } catch {
    return false;
  }
}

function readBoolean(text: string, name: string): boolean {
  if (["", "0", "false", "no"].includes(text)) return false;
  if (["1", "true", "yes"].includes(text)) return true;
  throw invalid(`${name}: "${shown(text)}" is neither true nor false`);
}

function readLogLevel(text: string, name: string): LogLevel {
  const level = LOG_LEVELS.find((candidate) => candidate === text);
  if (level === undefined) throw invalid(`${name}: "${shown(text)}" is not one of ${LOG_LEVELS.join(", ")}`);
  return level;
}

/** Text from outside in a one-line message: no line breaks, no end to its length. */
function shown(text: string): string {
  return text.replaceAll(/[^\x20-\x7e]/g, "?").slice(0, 100);
}

function invalid(message: string): KafkaError {
  return new KafkaError(ErrorCode.INVALID_CONFIG, message);
}

/** The absolute path of the data directory. */
export function dataPath(settings: Settings): string {
  return resolve(settings.dataDir);
}
