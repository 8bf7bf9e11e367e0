/** `ipoib doctor` on a port of a device: nothing is wrong with the way to ib_ipoib, and each fault is named. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { Event, raise } from "../../../scripts/rig/events.ts";
import { type Fabric, KERNELS, OURS } from "../../../scripts/rig/fabric.ts";
import { DEVICE } from "../../../scripts/rig/node.ts";
import { unresolved } from "../../../scripts/rig/ping.ts";
import { fullTest } from "../../../scripts/test/form.ts";
import { type Examination, examine } from "../doctor.ts";
import { withoutLibrary, withoutPermission } from "../without.ts";

const EXIT_WARNINGS = 4;
const EXIT_FAILURES = 5;
/** Time limit of a join. Its maximum back-off is 16 s. */
const JOIN_SECONDS = 40;
/**
 * Number of examinations, and time at normal machine speed, until a slow reply or a packet that is repeated is not found
 * any more.
 */
const ATTEMPTS = 3;
const ATTEMPTS_S = 30;
/** The administrator's reply above which doctor warns, in milliseconds: that of a guest takes longer on a slow machine. */
const SLOW_REPLY_MS = 1000;
const PEER = KERNELS[1];
/** An address that no host has. */
const NOBODY = "10.44.0.99";
/** The checks that ports of devices have beside those of the embedded subnet. */
const DEVICE_CHECKS = ["device files", "providers", "locked memory", "device"];
const CHECKS = [
  ...["libraries", "port", "LID", "rate", "P_Key", "SM", "administrator"],
  ...["broadcast", "group MTU", "group rate", "group Q_Key", "duplicates"],
  ...["route", "neighbour", "path", "ping", "ping full size"],
];
/** Linux 6.1 does not run the program that finds next hops, and `up` has not chosen lookups. */
const NEXT_HOPS = /^warning next hops: from lookups of the kernel's routes: /;

/** A fault, what doctor says of it, and the operands with which it is examined. */
interface Fault {
  readonly name: string;
  inject(fabric: Fabric): Promise<unknown>;
  repair(fabric: Fabric): Promise<unknown>;
  readonly operands: string;
  readonly says: readonly RegExp[];
}

const FAULTS: readonly Fault[] = [
  {
    name: "a P_Key that the port's table lacks",
    inject: ({ c }) =>
      c.must("ipoib child create 0x8003 && ip link set ib0.8003 up"),
    repair: ({ c }) => c.must("ipoib child delete 0x8003"),
    operands: "ib0.8003",
    says: [/^failure P_Key: 0x8003 is not in the port's table$/],
  },
  {
    name: "a port that is down",
    inject: ({ c }) => c.must(raise(Event.Error)),
    repair: async ({ c, node }) => {
      await node.clearLog();
      await c.must(raise(Event.Active));
      await node.waitForLog("ib0: running", JOIN_SECONDS);
    },
    operands: "ib0",
    says: [/^failure port: ibx0\/1 is DOWN /],
  },
  {
    name: "a port without an SM LID",
    inject: ({ c }) => c.must(`echo 0 > ${DEVICE}/sm_lid`),
    repair: ({ c }) => c.must(`echo 1 > ${DEVICE}/sm_lid`),
    operands: "ib0",
    says: [/^failure SM: the port has no SM LID$/],
  },
  {
    name: "a subnet administrator that does not answer",
    inject: ({ a }) => a.must("echo silent > /run/sa.fault"),
    repair: ({ a }) => a.must("echo > /run/sa.fault"),
    operands: "ib0",
    says: [
      /^failure administrator: the subnet administrator does not answer: no reply$/,
    ],
  },
  {
    name: "an address that ib_ipoib has too",
    inject: ({ b }) => b.must(`ip addr add ${OURS}/32 dev ib0`),
    repair: ({ b }) => b.must(`ip addr del ${OURS}/32 dev ib0`),
    operands: "ib0",
    says: [
      /^failure duplicates: 10\.44\.0\.3 is also used by GID fe80::5054:ff:fe00:2$/,
    ],
  },
  {
    name: "a peer that is down",
    inject: async ({ b, c }) => {
      await b.must("ip link set ib0 down");
      await c.must(`ip neigh flush to ${PEER} dev ib0`);
    },
    repair: ({ b }) => b.must(`/rig/guest/kernel-ipoib ib0 ${PEER}/24`),
    operands: `ib0 ${PEER}`,
    says: [
      /^failure neighbour: .*does not answer/,
      /^failure ping: an echo request of 84 bytes was not answered/,
    ],
  },
  {
    name: "a peer to which the administrator has no path",
    inject: ({ c }) =>
      c.must(
        `ipoib neigh replace ${NOBODY} dev ib0 lladdr 80:00:00:48:fe:80:00:00:00:00:00:00:00:00:00:00:00:00:00:99`,
      ),
    repair: ({ c }) => c.must(`ipoib neigh del ${NOBODY} dev ib0`),
    operands: `ib0 ${NOBODY}`,
    says: [
      /^failure path: the administrator has no path to fe80::99: /,
    ],
  },
];

/** Returns the examination as if a reply of the administrator within `limitMs` were no warning. */
function withoutSlowReply(found: Examination, limitMs: number): Examination {
  const isSlowReply = (line: string) => {
    const ms = /^warning administrator: answered only after (\d+) ms$/
      .exec(line)?.[1];
    return ms !== undefined && Number(ms) < limitMs;
  };
  const rest = found.rest.filter((line) => !isSlowReply(line));
  if (rest.length === found.rest.length) return found;
  const wasAlone = rest.length === 0 && found.code === EXIT_WARNINGS;
  return {
    code: wasAlone ? 0 : found.code,
    ok: [...found.ok, "administrator"],
    rest,
  };
}

export function doctor(fabric: Fabric): void {
  /** Examines ib0 and the way to a peer, again if a failure or a warning besides `known` is found. */
  const examineWell = async (known?: RegExp): Promise<Examination> => {
    const { c } = fabric;
    const end = performance.now() + 1000 * c.patient(ATTEMPTS_S);
    for (let attempt = 1;; attempt++) {
      const found = withoutSlowReply(
        await examine(c, `ipoib -j doctor ib0 ${PEER}`),
        c.patient(SLOW_REPLY_MS),
      );
      const well = found.rest.every((line) => known?.test(line));
      const last = attempt >= ATTEMPTS && performance.now() > end;
      if (well || last) return found;
    }
  };
  const assertChecked = ({ ok }: Examination) => {
    for (const name of [...DEVICE_CHECKS, ...CHECKS]) {
      assert(ok.includes(name), `${name}: ${ok}`);
    }
  };

  Deno.test("doctor finds nothing wrong with the port of a device and with the way to ib_ipoib, except what Linux 6.1 lacks", async () => {
    const found = await examineWell(NEXT_HOPS);
    assertEquals(found.rest.length, 1, found.rest.join("\n"));
    assertMatch(found.rest[0]!, NEXT_HOPS);
    assertEquals(found.code, EXIT_WARNINGS);
    assertChecked(found);
  });

  fullTest(
    "doctor exits with 0 if next hops are looked up as requested, and names each fault of a device, its port, the fabric and a peer",
    async () => {
      const { a, c, node } = fabric;
      await node.down();
      await node.up("--next-hops routes");
      const found = await examineWell();
      assertEquals([found.code, found.rest], [0, []]);
      assertChecked(found);

      for (const { name, inject, repair, operands, says } of FAULTS) {
        let broken: Examination;
        await inject(fabric);
        try {
          broken = await examine(c, `ipoib -j doctor ${operands}`);
        } finally {
          await repair(fabric);
        }
        const lines = broken.rest.join("\n");
        assertEquals(broken.code, EXIT_FAILURES, `${name}: ${lines}`);
        for (const line of says) {
          assert(broken.rest.some((each) => line.test(each)), lines);
        }
      }
      for (
        const [command, line] of [
          [
            withoutLibrary("libibverbs", "-j doctor ib0"),
            /^failure libraries: libibverbs cannot be loaded$/,
          ],
          [
            withoutPermission("/dev/infiniband/umad0", "-j doctor ib0"),
            /^failure device files: No permission to open device file \/dev\/infiniband\/umad0/,
          ],
        ] as const
      ) {
        const { code, rest } = await examine(c, command);
        assertEquals(code, EXIT_FAILURES, rest.join("\n"));
        assert(rest.some((each) => line.test(each)), rest.join("\n"));
      }

      await node.down();
      await node.up();
      assertEquals(await unresolved(a, [OURS, PEER]), []);
    },
  );
}
