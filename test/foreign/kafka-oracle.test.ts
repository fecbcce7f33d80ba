/** Apache Kafka itself says what is right: the same requests go to it and to Rivulet, and the answers have to be the same. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { reasons } from "../oracle/differences/all.ts";
import { judge, lineOf } from "../oracle/judge.ts";
import { startPeers, type RunningPeers } from "../oracle/peers.ts";
import { playAll } from "../oracle/play.ts";
import { observedLine, reportOf } from "../oracle/report.ts";
import { allScripts } from "../oracle/scripts/all.ts";
import { describeWith } from "../tools/require-tool.ts";

const PLAY_MS = 600_000;

describeWith(["kafka-tools"], "Apache Kafka and Rivulet", () => {
  let peers: RunningPeers;
  beforeAll(async () => {
    peers = await startPeers();
  });
  afterAll(() => peers.stop());

  test("answer every script alike, but for what is listed", { timeout: PLAY_MS }, async () => {
    const played = await playAll(allScripts, peers);
    const verdict = judge(played.observed, reasons);
    if (process.env.RIVULET_ORACLE_REPORT === "1") console.log(reportOf(played, verdict, reasons));
    expect.soft(played.unplayed, "APIs without scripts").toEqual([]);
    expect.soft(verdict.unlisted.map(observedLine)).toEqual([]);
    expect.soft(verdict.gone.map((one) => lineOf(one))).toEqual([]);
  });
});
