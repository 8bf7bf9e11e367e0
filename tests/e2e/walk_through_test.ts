/**
 * A fabric that is broken in each way of a table. For each cause, the table has what `doctor` says, what `monitor` prints
 * at once and `events` afterwards, and what a capture shows.
 */

import { assertMatch } from "@std/assert";
import { programCommand } from "../../scripts/program.ts";
import {
  OTHER_QKEY,
  REFUSED_PARTITIONS,
  wideJoin,
} from "../ipoib/refused_partitions.ts";
import { startCapture } from "./harness/capture.ts";
import { RoguePort } from "./harness/rogue_port.ts";
import {
  createChild,
  fault,
  GUIDS,
  holdTakeover,
  type Host,
  type Lab,
  labTest,
  type Program,
  startPartitions,
  until,
  untilConnected,
} from "./harness/mod.ts";

/** Host `a` is examined. Host `b` is its peer, which refuses connections. */
interface Fabric {
  readonly lab: Lab;
  readonly manager: Program;
  readonly a: Host;
  readonly b: Host;
}

interface Cause {
  readonly name: string;
  /** Breaks the fabric. Returns what repairs it. */
  inject(fabric: Fabric): Promise<() => Promise<unknown>>;
  /** Operands of `doctor` on `a`. */
  readonly operands: readonly string[];
  /** The lines of `doctor -o`: what is wrong, and what helps. */
  readonly doctor: RegExp;
  /** The line of an event of `a`, after the time. */
  readonly event: RegExp;
  /** Lines of a capture on `a`: packets, or events where no packet shows the cause. */
  readonly capture: RegExp;
}

/** What the capture takes: all MADs and ARP packets, dropped packets, and the ICMP error about a packet too big. */
const FILTER = ["mad", "or", "arp", "or", "dropped", "or", "icmp[0]", "=", "3"];

/** Three requests to the subnet administrator one after another, without a reply. */
const UNANSWERED =
  /(^\S+ Out .* SA (Get|Set|Delete) .*\n(?!(?:\S+ Out .*\n)*\S+ In {2}.* SA )){3}/m;

const [A_ADDRESS, B_ADDRESS] = ["10.9.0.1", "10.9.0.2"];
const PEER = ["ib0", B_ADDRESS];
const WIDE_GROUP = "ff15:401b:8013::ffff:ffff";
const OTHER_GUID = "0x0200000000000a03";
const Q_KEY_GROUP = "ff12:401b:ffff::f01:101";

const CAUSES: readonly Cause[] = [
  {
    name: "the queue of the device overruns",
    async inject({ a, b }) {
      await a.ipoib("ethtool", "-G", "ib0", "tx", "2");
      const flood = a.start(
        ...["ping", "-q", "-f", "-l", "2000", "-s", "1400", b.address],
      );
      return async () => {
        await flood[Symbol.asyncDispose]();
        await a.ipoib("ethtool", "-G", "ib0", "tx", "1000");
      };
    },
    operands: ["ib0"],
    doctor:
      /warning ib0 counters: the queue of the network device overran .* -> .*ipoib ethtool -G ib0 tx/,
    event:
      /ib0 link drops tx_device_queue: \d+ packets, cause: the queue of the network device was full/,
    // The kernel drops the packets before ipoib reads them.
    capture: /Event ib0 link drops tx_device_queue: \d+ packets, cause: /,
  },
  {
    name: "the cable",
    async inject({ lab }) {
      await fault(lab, "port", GUIDS[0], "down");
      return () => fault(lab, "port", GUIDS[0], "up");
    },
    operands: PEER,
    doctor:
      /failure ib0 port: port of subnet default is DOWN .* -> .* port 0x0200000000000a01 up/,
    event:
      /ib0 link state: running -> waiting for the port \(down\), cause: the port is no longer active/,
    // A port that is down neither sends nor receives packets.
    capture: /Event ib0 fabric port soft:default\/1: active -> down, cause: /,
  },
  {
    name: "a P_Key is taken away",
    async inject({ lab, a }) {
      const child = await createChild(a, "0x8015", "10.15.0.1/24");
      await until(
        "the child to run",
        async () => (await a.link(child)).state === "running",
      );
      await fault(lab, "port", GUIDS[0], "pkeys", "0xffff");
      return async () => {
        await fault(lab, "port", GUIDS[0], "pkeys");
        await a.ipoib("child", "delete", "0x8015");
      };
    },
    operands: ["ib0.8015"],
    doctor:
      /failure ib0\.8015 P_Key: 0x8015 is not in .* -> .*port 0x0200000000000a01 pkeys/,
    event:
      /ib0\.8015 link state: .* -> waiting for P_Key 0x8015 in the port's table, cause: the P_Key table of the port changed/,
    // The port drops packets of other partitions before a queue pair receives them.
    capture:
      /Event ib0\.8015 link state: .* -> waiting for P_Key 0x8015 in the port's table, cause: /,
  },
  refusedBroadcast(
    "the MTU of the group is too large",
    "0x8011",
    "has MTU 4096, the port has 2048",
    "failure ib0.8011 group MTU: 4096, the port has 2048 -> ",
    /SA GetResp MCMemberRecord ff12:401b:8011::ffff:ffff, status 0x0200 .*\n[^]* SA GetResp MCMemberRecord ff12:401b:8011::ffff:ffff mtu 4096 /,
  ),
  refusedBroadcast(
    "the rate of the group is too high",
    "0x8012",
    "has rate 200 Gb/sec, the port has 100 Gb/sec",
    "failure ib0.8012 group rate: 200 Gb/sec, the port has 100 Gb/sec -> ",
    /SA GetResp MCMemberRecord ff12:401b:8012::ffff:ffff, status 0x0200 .*\n[^]* SA GetResp MCMemberRecord ff12:401b:8012::ffff:ffff mtu 2048 rate 200 Gb\/sec /,
  ),
  withWideGroup(refusedBroadcast(
    "the scope of the group is another one",
    "0x8013",
    `does not exist in partition 0x8013, whose broadcast group ${WIDE_GROUP} has scope 5`,
    "",
    new RegExp(
      `SA GetResp MCMemberRecord ff12:401b:8013::ffff:ffff, status 0x0[36]00 .*\\n[^]* SA GetResp MCMemberRecord ${WIDE_GROUP} mtu 2048 `,
    ),
  )),
  refusedBroadcast(
    "the partition has no broadcast group",
    "0x8014",
    "does not exist in partition 0x8014",
    "",
    /SA GetResp MCMemberRecord ff12:401b:8014::ffff:ffff, status 0x0[36]00 \(/,
  ),
  {
    name: "the Q_Key of a group is another one",
    async inject({ a }) {
      const address = [`${OTHER_QKEY.address}/32`, "dev", "ib0"];
      await a.ip("addr", "add", ...address, "autojoin");
      return () => a.ip("addr", "del", ...address);
    },
    operands: ["ib0"],
    doctor: new RegExp(
      `warning ib0 other groups: \\S+:f01:101 is not joined: ${OTHER_QKEY.reason} -> `,
    ),
    event: new RegExp(
      `ib0 group refused ${Q_KEY_GROUP}, cause: ${OTHER_QKEY.reason}`,
    ),
    capture: new RegExp(
      `SA GetResp MCMemberRecord ${Q_KEY_GROUP}, status 0x0[26]00 .*\\n[^]* SA GetResp MCMemberRecord ${Q_KEY_GROUP} .* Q_Key 0x00001234\\n`,
    ),
  },
  {
    name: "the MTU is larger than that of the peer",
    async inject({ a, b }) {
      await a.ipoib("link", "set", "ib0", "mode", "connected");
      const ping = ["ping", "-q", "-M", "do", "-s", "9000", "-i", "0.3"];
      const pings = a.start(...ping, b.address);
      return async () => {
        await pings[Symbol.asyncDispose]();
        await a.ipoib("link", "set", "ib0", "mode", "datagram");
      };
    },
    operands: PEER,
    doctor:
      /warning peer 10\.9\.0\.2 ping full size: .*the MTU of the path is 2044/,
    event:
      /ib0 link drops tx_too_long: \d+ packets?, cause: packets longer than the MTU of their path/,
    capture: /In {2}host .* ICMP unreachable, need to frag \(mtu 2044\)/,
  },
  {
    name: "a duplicate address",
    async inject({ b }) {
      const address = [`${A_ADDRESS}/24`, "dev", "ib0"];
      await b.ip("addr", "add", ...address);
      return () => b.ip("addr", "del", ...address);
    },
    operands: ["ib0"],
    doctor:
      /failure ib0 duplicates: 10\.9\.0\.1 is also used by .*:a02 -> remove the address from one of the hosts/,
    event: /ib0 neigh conflict 10\.9\.0\.1, cause: also used by 80:.*:0a:02/,
    capture:
      /In {2}.* ARP, (Request who-has 10\.9\.0\.1 tell|Reply) 10\.9\.0\.1/,
  },
  {
    name: "the peer is stopped",
    async inject({ a, b }) {
      b.daemon.kill("SIGSTOP");
      const ping = ["ping", "-n", "-q", "-l", "2000", "-c", "2000", "-w", "2"];
      await a.run([...ping, b.address]);
      return () => Promise.resolve(b.daemon.kill("SIGCONT"));
    },
    operands: PEER,
    doctor:
      /failure peer 10\.9\.0\.2 peer port: ib0 .*: its process is stopped -> kill -CONT \d+/,
    event:
      /ib0 link drops tx_no_credit: \d+ packets?, cause: a peer is too slow or has stopped/,
    capture: /10\.9\.0\.1 > 10\.9\.0\.2: ICMP .*\[dropped: tx_no_credit\]/,
  },
  {
    name: "the manager is gone",
    inject({ lab, manager }) {
      const takeover = holdTakeover(lab);
      manager.kill("SIGSTOP");
      // Another process then takes over.
      return Promise.resolve(() => Promise.resolve(takeover.close()));
    },
    operands: ["ib0"],
    doctor:
      /failure ib0 administrator: [^]*failure subnet default manager: the manager does not answer: its process \d+ is stopped \(kill -CONT \d+\) -> /,
    event:
      /ib0 fabric manager subnet default: present -> missing, cause: it does not answer/,
    capture: UNANSWERED,
  },
];

/** A child interface whose broadcast group does not fit the port. */
function refusedBroadcast(
  name: string,
  pkey: string,
  predicate: string,
  furtherLine: string,
  capture: RegExp,
): Cause {
  const child = `ib0.${pkey.slice(2)}`;
  return {
    name,
    async inject({ a }) {
      await createChild(a, pkey, "10.11.0.1/24");
      return () => a.ipoib("child", "delete", pkey);
    },
    operands: [child],
    doctor: new RegExp(
      `failure ${child} broadcast: broadcast group \\S+ ${predicate} -> [^]*${furtherLine}`,
    ),
    event: new RegExp(
      `${child} group refused \\S+, cause: the group ${predicate}`,
    ),
    capture,
  };
}

/** The same while a port has created the broadcast group of partition 0x8013 with scope 5. */
function withWideGroup(cause: Cause): Cause {
  return {
    ...cause,
    async inject(fabric) {
      const port = await RoguePort.register(fabric.lab, OTHER_GUID);
      await port.join(wideJoin(port.gid));
      const repair = await cause.inject(fabric);
      return async () => {
        await repair();
        // The group ends with its only member.
        port[Symbol.dispose]();
      };
    },
  };
}

async function start(lab: Lab): Promise<Fabric> {
  const [manager] = await startPartitions(lab, REFUSED_PARTITIONS);
  const [a, b] = await lab.hosts(2);
  const [guidA, guidB] = GUIDS.map((guid) => ["--guid", guid]);
  await Promise.all([
    a.up({ args: guidA! }),
    b.up({ args: [...guidB!, "--max-connections", "0"] }),
  ]);
  await untilConnected(a, b);
  return { lab, manager, a, b };
}

/** Waits until the output of a program has the pattern behind this position. */
async function shows(program: Program, from: number, what: RegExp) {
  await until(
    `${what} in the output of ${program.title}`,
    () => what.test(program.output.slice(from)),
  );
}

/** Waits until `doctor` has a line with the pattern. */
async function says({ a }: Fabric, { operands, doctor }: Cause) {
  let last = "";
  await until(`doctor to say ${doctor}`, async () => {
    const { stdout } = await a.ipoib("-o", "doctor", ...operands);
    // The titles name the namespace, which the patterns do not.
    last = stdout.replaceAll(RegExp(`( from)? netns ${a.namespace}`, "g"), "");
    return doctor.test(last);
  }).catch((error) => {
    throw new Error(`${error.message}; it says:\n${last}`);
  });
}

labTest(
  "A fabric broken in each way of a table: doctor, monitor, events and capture each name the cause",
  async (lab) => {
    const fabric = await start(lab);
    const { a, b } = fabric;
    const monitor = lab.start(
      [...programCommand(), "monitor", "-n", a.namespace],
    );
    await until("the first event in the monitor", async () => {
      await a.reaches(b);
      await a.ip("neigh", "flush", "dev", "ib0");
      return monitor.output !== "";
    });
    const capture = await startCapture(
      a,
      ...["--events", "--edge", "both", ...FILTER],
    );
    for (const cause of CAUSES) {
      const at = [monitor, capture].map(({ output }) => output.length);
      const repair = await cause.inject(fabric);
      await Promise.all([
        says(fabric, cause),
        shows(monitor, at[0]!, cause.event),
        shows(capture, at[1]!, cause.capture),
      ]).catch((error) => {
        throw new Error(`${cause.name}: ${error.message}`);
      });
      await repair();
      await until(
        `a to run after: ${cause.name}`,
        async () => (await a.link()).state === "running",
      );
      await untilConnected(a, b);
    }
    const well = () => a.ipoib("doctor", ...PEER);
    await until("no fault", async () => (await well()).code === 0);
    const { stdout } = await a.ipoib("events", "--since", "1h");
    for (const { event } of CAUSES) assertMatch(stdout, event);
  },
);
