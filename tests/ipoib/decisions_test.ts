/** The lines of the log at level debug: one sentence for each decision of the control path. */

import { assert, assertEquals } from "@std/assert";
import type { LogLevel } from "../../src/base/log.ts";
import { hostLog, ipv4Frame, logLines, Rig } from "./rig.ts";

/** Returns the lines of host 1 that `act` logs at a level, without the name. */
function lines(level: LogLevel, act: () => void): string[] {
  const before = hostLog.level;
  hostLog.level = level;
  try {
    act();
  } finally {
    hostLog.level = before;
  }
  return logLines.filter((line) => line.startsWith("ib1: "))
    .map((line) => line.slice("ib1: ".length));
}

/** The start of two links, a packet, a client reregister, a lost and a refused join, and the end of a link. */
function scenario(): void {
  const rig = new Rig();
  const [a, b] = rig.pair();
  a.send(ipv4Frame("10.0.0.1", "10.0.0.2"));
  rig.advance(1000);
  a.port.emit({ type: "client_reregister" });
  rig.settle();
  b.netdev.config.setLink({ up: false });
  rig.fabric.onMad = () => {};
  a.send(ipv4Frame("10.0.0.1", "239.1.1.1"));
  rig.advance(5000);
  a.netdev.config.setLink({ up: false });
  rig.settle();
}

Deno.test("at level debug the log tells the decisions of the control path", () => {
  const logged = lines("debug", scenario);
  const expected = [
    /^debug: P_Key 0xffff has index 0 in the port's table$/,
    /^debug: Queue pair 0x\w+ is created with P_Key index 0 and a receive queue of 256 packets$/,
    /^debug: bringing up interface$/,
    /^debug: joining MGID ff12:401b:ffff::ffff:ffff$/,
    /^debug: SA request Set McMemberRecord ff12:401b:ffff::ffff:ffff \(transaction \d+\) is sent to LID 1 \(attempt 1 of 11\)$/,
    /^debug: SA request Set McMemberRecord ff12:401b:ffff::ffff:ffff \(transaction \d+\) is answered with status /,
    /^debug: MTU 2044 in datagram mode \(port 2044, group 2044, admin unset; limited by: group\)$/,
    /^debug: Carrier is set on$/,
    /^running$/,
    /^debug: Announcing 10\.0\.0\.1$/,
    /^debug: Group ff12:401b:ffff::ffff:ffff is joined: MLID 0xc000, Q_Key 0x00000b1b, MTU 2048, rate 10 Gb\/sec, SL 0$/,
    /^debug: Neighbour 10\.0\.0\.2 is created$/,
    /^debug: 10\.0\.0\.2 is at 00:00:00:48:\S+ \(reply\)$/,
    /^debug: Start path record lookup for fe80::/,
    /^debug: Path to fe80::\S+ is found: LID 0x0003, SL 0, MTU 2048, rate /,
    /^debug: Event client_reregister on device /,
    /^debug: The port is active: LID 0x0002, SM LID 0x0001, SM SL 0, GID fe80::\S+, P_Keys 0xffff/,
    /^debug: All \d+ paths are queried again$/,
    /^debug: All \d+ groups are joined again, the broadcast group first$/,
    /^debug: setting up send only multicast group for ff12:401b:ffff::f01:101$/,
    /^debug: SA request Set McMemberRecord ff12:401b:ffff::f01:101 \(transaction \d+\) is sent to LID 1 \(attempt 11 of 11\)$/,
    /^debug: SA request Set McMemberRecord ff12:401b:ffff::f01:101 \(transaction \d+\) has failed: no answer$/,
    /^debug: Join of ff12:401b:ffff::f01:101 is tried again in 2 s$/,
    /^debug: The kernel's device ib1 is down, carrier on, MTU 2044$/,
    /^debug: stopping interface$/,
    /^debug: Neighbour 10\.0\.0\.2 is removed, with 0 waiting packets$/,
    /^debug: Carrier is set off$/,
  ];
  let from = 0;
  for (const pattern of expected) {
    const at = logged.findIndex((line, i) => i >= from && pattern.test(line));
    assert(at >= 0, `${pattern} after line ${from} of\n${logged.join("\n")}`);
    from = at;
  }
});

Deno.test("at level info the log has none of these lines", () => {
  const logged = lines("info", scenario);
  assertEquals(logged.filter((line) => line.startsWith("debug")), []);
  assert(logged.includes("running"));
});
