/** The length of the log while peers and the fabric cause as many lines as they can. */

import { assert, assertGreater } from "@std/assert";
import { configureLog, type LogLevel } from "../../src/base/log.ts";
import { stampedLine } from "../../src/base/log_line.ts";
import { ArpOperation } from "../../src/wire/arp.ts";
import { gidFrom } from "../../src/wire/gid.ts";
import { ip, ipv4Frame, Rig } from "./rig.ts";

const EVENTS = 100_000;
/** Events between two turns of the reactor. */
const BATCH = 64;
/** The stated bounds of one interface in five seconds (docs/log.md), in bytes. */
const BOUND: Partial<Record<LogLevel, number>> = {
  info: 64 * 1024,
  debug: 320 * 1024,
};

/** Returns the length of the lines that `storm` logs. The time of the rig stands still. */
function logged(level: LogLevel, rig: Rig, storm: () => void): number {
  let bytes = 0;
  const log = configureLog(level, {
    sink: (line) => void (bytes += stampedLine(line).length),
    now: () => rig.reactor.clock.now(),
    wakeAfter: () => {},
  });
  storm();
  log.flush(true);
  return bytes;
}

for (const level of ["info", "debug"] as const) {
  Deno.test(`${EVENTS} forged ARP requests stay within the bound at level ${level}`, () => {
    const rig = new Rig();
    const [a, b] = rig.pair();
    a.send(ipv4Frame("10.0.0.1", "10.0.0.2"));
    const bytes = logged(level, rig, () => {
      for (let i = 0; i < EVENTS; i++) {
        // The address of the victim, then others, from ever new link-layer addresses.
        a.injectArp(b, {
          operation: ArpOperation.Request,
          senderAddress: {
            flags: 0,
            qpn: i,
            gid: gidFrom(0xfe80n << 48n, BigInt(i)),
          },
          senderIp: i % 2 === 0 ? ip("10.0.0.1") : (ip("10.0.0.0") + i) | 0,
          targetAddress: { flags: 0, qpn: 0, gid: new Uint8Array(16) },
          targetIp: ip("10.0.0.1"),
        });
        if (i % BATCH === 0) rig.settle();
      }
    });
    assertGreater(bytes, 100);
    assert(bytes <= BOUND[level]!, `${bytes} bytes`);
  });

  Deno.test(`Packets to ${EVENTS} groups, whose joins fail, stay within the bound at level ${level}`, () => {
    const rig = new Rig();
    const [a] = rig.pair({ maxGroups: 1000 });
    rig.fabric.onMad = () => {};
    const bytes = logged(level, rig, () => {
      for (let i = 0; i < EVENTS; i++) {
        a.inject(
          ipv4Frame("10.0.0.1", `239.${i >> 16}.${i >> 8 & 255}.${i & 255}`),
        );
        if (i % BATCH === 0) rig.settle();
      }
      rig.settle();
    });
    assert(bytes <= BOUND[level]!, `${bytes} bytes`);
  });
}
