/** Sweeps over a /16 and a /112: every table stays bounded, every packet is counted, and other traffic continues. */

import { assert, assertEquals } from "@std/assert";
import type { AddressHandle } from "../../src/hca/address_handle.ts";
import {
  DEFAULT_MAX_GROUPS,
  DEFAULT_MAX_NEIGHBOURS,
  MAX_TOTAL_WAITING_BYTES,
} from "../../src/ipoib/constants.ts";
import { FULL } from "../../scripts/test/form.ts";
import { ArpOperation } from "../../src/wire/arp.ts";
import { gidFrom } from "../../src/wire/gid.ts";
import { IpAddress } from "../../src/wire/ip_address.ts";
import { PathRecord } from "../../src/wire/sa/path_record.ts";
import { hex, viewOf } from "../wire/support.ts";
import { kernelArp } from "./neighbour/kernel_arp.ts";
import { frameOf, kernelFrame } from "./neighbour/kernel_nd.ts";
import { DEFAULT_MAX_PATHS } from "./default_limits.ts";
import { type Host, ip, ipv4Frame, Rig } from "./rig.ts";

/** Addresses of a sweep: the whole prefix, or in the short form a quarter, which is more than each table holds. */
const SIZE = FULL ? 65_536 : 16_384;
const PREFIX = 0xfe80n << 48n;
/** Packets between two turns of the loop. */
const TURN = 16;
/** Packets between two checks of the tables, and of the traffic to another host. */
const CHECK = 1024;
/** Default gc_thresh3 of the kernel. */
const KERNEL_NEIGHBOURS = 1024;
/** Minimum size of a packet that waits for an address or a path. */
const FRAME_BYTES = 50;

type Family = "10.1.0.0/16" | "fd00::/112";

function addressOf(family: Family, i: number): IpAddress {
  return family === "10.1.0.0/16"
    ? IpAddress.ipv4(ip("10.1.0.0") + i)
    : new IpAddress(0xfd00_0000 | 0, 0, 0, i);
}

/** Returns a frame to each address of the prefix. */
function framesTo(family: Family): (i: number) => Uint8Array {
  if (family === "10.1.0.0/16") {
    return (i) => {
      const frame = ipv4Frame("10.0.0.1", "10.1.0.0");
      viewOf(frame).setInt32(26 + 16, ip("10.1.0.0") + i);
      return frame;
    };
  }
  const udp = hex(
    `60000000 0008 11 40 fd000000000000000000000000010000
     fd000000000000000000000000000000 0009 0009 0008 0000`,
  );
  return (i) => {
    const frame = frameOf(udp);
    viewOf(frame).setInt32(26 + 36, i);
    return frame;
  };
}

/** The number of address handles that exist. */
function countHandles({ port }: Host): () => number {
  let count = 0;
  const create = port.createAddressHandle.bind(port);
  port.createAddressHandle = (attributes) => {
    const handle: AddressHandle = create(attributes);
    const destroy = handle.destroy.bind(handle);
    handle.destroy = () => {
      count--;
      destroy();
    };
    count++;
    return handle;
  };
  return () => count;
}

/** Two hosts with traffic, the first of which sweeps. */
function setup() {
  const rig = new Rig();
  const [a, b] = rig.pair({ prefixLength: 8 });
  const handles = countHandles(a);
  const live = () => {
    b.received();
    a.send(ipv4Frame("10.0.0.1", "10.0.0.2"));
    return b.received().length;
  };
  assertEquals(live(), 1);
  const { neighbours, paths, groups } = a.link;
  const check = () => {
    const waiting = neighbours.entries().reduce(
      (sum, { queue, peer }) => sum + queue.length + (peer?.queue.length ?? 0),
      0,
    );
    assert(
      neighbours.size <= DEFAULT_MAX_NEIGHBOURS,
      `${neighbours.size} neighbours`,
    );
    assert(paths.entries().length <= DEFAULT_MAX_PATHS);
    assert(groups.entries().length <= DEFAULT_MAX_GROUPS + 1);
    assert(handles() <= DEFAULT_MAX_PATHS + DEFAULT_MAX_GROUPS + 1);
    assert(waiting * FRAME_BYTES <= MAX_TOTAL_WAITING_BYTES);
    assertEquals(live(), 1, "traffic to another host continues");
    a.posted();
  };
  const sweep = (each: (i: number) => void) => {
    for (let i = 0; i < SIZE; i++) {
      each(i);
      if (i % TURN === 0) rig.advance(1);
      if (i % CHECK === 0) check();
    }
    rig.settle();
    check();
  };
  /** Removes all neighbours, as the kernel does after a sweep: no group of the sweep stays, and the link works. */
  const recovered = () => {
    neighbours.flush();
    rig.advance(180_000);
    assertEquals([neighbours.size, groups.entries().length < 16], [0, true]);
    // Paths without peers stay until others replace them, as in Linux.
    assert(handles() <= DEFAULT_MAX_PATHS + 1, `${handles()} address handles`);
    for (const { address } of a.netdev.config.neighbours.list()) {
      a.netdev.config.neighbours.delete(address.w3);
    }
    assertEquals(live(), 1);
    rig.check();
  };
  return { rig, a, b, sweep, recovered };
}

for (const family of ["10.1.0.0/16", "fd00::/112"] as const) {
  Deno.test(`a sweep of ${family} by packets to unknown addresses keeps the tables bounded`, () => {
    const { a, sweep, recovered } = setup();
    const frame = framesTo(family);
    sweep((i) => a.netdev.inject(frame(i)));
    recovered();
    assertEquals(a.totals["tx_dropped"], SIZE, "each packet is counted");
  });

  Deno.test(`a sweep of ${family} in which every address is resolved keeps the tables bounded`, () => {
    const { a, sweep, recovered } = setup();
    a.sa.queryPath = ({ dgid }, now, done) => {
      done({ ok: true, record: PathRecord.of({ dgid, dlid: 7 }) }, now);
      return { cancel: () => {} };
    };
    const { neighbours } = a.link;
    const frame = framesTo(family);
    sweep((i) => {
      const address = addressOf(family, i);
      const gid = gidFrom(PREFIX, BigInt(0x1_0000 + i));
      neighbours.onKernelRequest(address, false);
      neighbours.learn(address, { flags: 0, qpn: i, gid }, "reply");
      a.netdev.inject(frame(i));
    });
    const { neighbours_evicted } = a.link.statistics.tables.snapshot();
    assert(neighbours_evicted! >= SIZE - DEFAULT_MAX_NEIGHBOURS);
    recovered();
  });
}

Deno.test("a sweep of 10.1.0.0/16 by requests of the kernel follows the kernel's limit", () => {
  const { a, sweep, recovered } = setup();
  const { config } = a.netdev;
  sweep((i) => {
    const address = ip("10.1.0.0") + i;
    const target = `10.1.${i >> 8}.${i & 255}`;
    a.netdev.inject(kernelArp(ArpOperation.Request, "10.0.0.1", target));
    // The kernel removes its oldest entries at gc_thresh3.
    if (i >= KERNEL_NEIGHBOURS) {
      config.neighbours.fail(address - KERNEL_NEIGHBOURS);
    }
    if (i % CHECK === 0) {
      assert(a.link.neighbours.size <= KERNEL_NEIGHBOURS + 2);
    }
  });
  recovered();
});

Deno.test("a sweep of fd00::/112 by solicitations keeps the groups bounded, and others go to the broadcast group", () => {
  const { a, sweep, recovered } = setup();
  let toAll = 0;
  let toGroups = 0;
  sweep((i) => {
    const target = `fd00::${i.toString(16)}`;
    a.netdev.inject(kernelFrame({ source: "fd00::1:0", target }));
    for (const { handle, multicast } of a.posted()) {
      if (!multicast) continue;
      if (handle.dlid === a.link.groups.broadcast!.record!.mlid) toAll++;
      else toGroups++;
    }
  });
  assert(toGroups >= DEFAULT_MAX_GROUPS - 16);
  assert(toAll > SIZE / 2);
  assertEquals(a.drops["tx_group_limit"], undefined);
  recovered();
});
