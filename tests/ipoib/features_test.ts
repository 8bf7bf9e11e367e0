/** Features: what is supported, what requests and the mode switch, and what reaches the network device. */

import { assertEquals } from "@std/assert";
import type { PortCapabilities } from "../../src/hca/port_attributes.ts";
import type { Mode } from "../../src/ipoib/connected/connected_mode.ts";
import { Features } from "../../src/ipoib/features.ts";
import { FakeNetdev } from "../../src/netdev/fake.ts";
import { TapOffload } from "../../src/netdev/netdev.ts";
import { Rig } from "./rig.ts";

const { CHECKSUM, TSO4, TSO6, TSO_ECN, USO4, USO6 } = TapOffload;
const USO = USO4 | USO6;
const ALL = CHECKSUM | TSO4 | TSO6 | TSO_ECN | USO;

const SOFT: PortCapabilities = {
  transmitChecksum: true,
  receiveChecksum: true,
  segmentation: "deferred",
  connectionManagement: true,
  connectionRetries: 7,
  sharedReceiveQueue: true,
};
const HARDWARE: PortCapabilities = { ...SOFT, segmentation: "hardware" };
const NOTHING: PortCapabilities = {
  ...SOFT,
  transmitChecksum: false,
  receiveChecksum: false,
  segmentation: "none",
};

class Subject {
  readonly netdev = new FakeNetdev();
  readonly receive = {
    trustsChecksums: true,
    coalescing: { enabled: false, udp: true },
  };
  mode: Mode = "datagram";
  readonly features: Features;

  constructor(capabilities: PortCapabilities, kernelOffloads = 0xff) {
    const { netdev, receive } = this;
    netdev.kernelOffloads = kernelOffloads;
    const mode = () => this.mode;
    this.features = new Features({ netdev, capabilities, mode, receive });
  }

  /** Features that are on, in a short form: `!` marks fixed ones. */
  get on(): string[] {
    return this.features.list().filter(({ active }) => active)
      .map(({ name, fixed }) => `${name}${fixed ? "!" : ""}`);
  }

  /** Features that are requested, but not active. */
  get unmet(): string[] {
    return this.features.list()
      .filter(({ active, requested }) => requested && !active)
      .map(({ name }) => name);
  }

  /** Requests features, `+name` or `-name`, and returns the bits of the network device. */
  set(...words: string[]): number {
    this.features.change(
      Object.fromEntries(words.map((word) => [word.slice(1), word[0] === "+"])),
    );
    return this.netdev.offloads;
  }
}

const FIXED = ["tx-scatter-gather!", "highdma!", "vlan-challenged!"];
const TCP = [
  "tx-tcp-segmentation",
  "tx-tcp-ecn-segmentation",
  "tx-tcp6-segmentation",
];

Deno.test("a port with all offloads has all features; on the embedded HCA rx-checksum is fixed, and nothing is coalesced", () => {
  const first = [
    "tx-scatter-gather!",
    "tx-checksum-ipv4",
    "tx-checksum-ipv6",
    "highdma!",
    "vlan-challenged!",
    "tx-generic-segmentation",
  ];
  const second = [...TCP, "tx-udp-segmentation"];
  const soft = new Subject(SOFT);
  assertEquals(soft.on, [...first, ...second, "rx-checksum!"]);
  assertEquals(soft.netdev.offloads, ALL);
  assertEquals(soft.receive.coalescing, { enabled: false, udp: false });
  const hardware = new Subject(HARDWARE);
  assertEquals(hardware.on, [
    ...[...first, "rx-gro", "rx-lro"],
    ...[...second, "rx-checksum"],
  ]);
  assertEquals(hardware.receive.coalescing, { enabled: true, udp: false });
  const coalescing = (subject: Subject) =>
    subject.features.list().filter(({ name }) => /gro|lro/.test(name))
      .map(({ active, fixed }) => [active, fixed]);
  assertEquals(coalescing(hardware), [[true, false], [true, false], [
    false,
    false,
  ]]);
  assertEquals(coalescing(soft), Array(3).fill([false, true]));
  const highdma = soft.features.list()[3]!;
  assertEquals([highdma.active, highdma.requested], [true, false], "as Linux");
});

Deno.test("a port without offloads has none, and requests change nothing", () => {
  const subject = new Subject(NOTHING);
  const on = [...FIXED, "tx-generic-segmentation", "rx-gro", "rx-lro"];
  assertEquals([subject.on, subject.netdev.offloads], [on, 0]);
  assertEquals(subject.receive.trustsChecksums, false);
  subject.set("+tx-tcp-segmentation", "+tx-checksum-ipv4", "-highdma", "+x");
  assertEquals([subject.on, subject.unmet, subject.netdev.offloads], [
    on,
    [],
    0,
  ]);
});

Deno.test("rx-udp-gro-forwarding is fixed if the kernel does not take the frames", () => {
  const netdev = new FakeNetdev();
  netdev.takesUdpFrames = false;
  const features = new Features({
    netdev,
    capabilities: HARDWARE,
    mode: () => "datagram",
    receive: {
      trustsChecksums: true,
      coalescing: { enabled: false, udp: false },
    },
  });
  const { name, fixed } = features.list().at(-1)!;
  assertEquals([name, fixed], ["rx-udp-gro-forwarding", true]);
});

Deno.test("each feature has its bits, and segmentation needs the checksums", () => {
  const subject = new Subject(HARDWARE);
  const rest = CHECKSUM | USO;
  assertEquals(subject.set("-tx-tcp6-segmentation"), ALL & ~TSO6);
  assertEquals(subject.set("-tx-tcp-segmentation"), rest, "no ECN either");
  assertEquals(subject.unmet, ["tx-tcp-ecn-segmentation"]);
  assertEquals(subject.set("+tx-tcp6-segmentation"), rest | TSO6 | TSO_ECN);
  assertEquals(subject.set("-tx-udp-segmentation"), CHECKSUM | TSO6 | TSO_ECN);
  assertEquals(subject.set("-tx-checksum-ipv6"), 0, "one switch for both");
  assertEquals(subject.unmet, [
    "tx-tcp-ecn-segmentation",
    "tx-tcp6-segmentation",
  ]);
  assertEquals(
    subject.set("+tx-checksum-ipv4", "+tx-tcp-segmentation"),
    CHECKSUM | TSO4 | TSO6 | TSO_ECN,
  );
  assertEquals(subject.set("+tx-udp-segmentation"), ALL);
});

Deno.test("connected mode switches the offloads off, and the requests survive it", () => {
  const subject = new Subject(HARDWARE);
  subject.mode = "connected";
  subject.features.update();
  assertEquals([subject.netdev.offloads, subject.receive], [0, {
    trustsChecksums: true,
    coalescing: { enabled: false, udp: false },
  }]);
  assertEquals(subject.unmet, [
    "tx-checksum-ipv4",
    "tx-checksum-ipv6",
    "rx-gro",
    "rx-lro",
    ...TCP,
    "tx-udp-segmentation",
  ]);
  assertEquals(subject.set("-tx-tcp-segmentation"), 0);
  subject.mode = "datagram";
  subject.features.update();
  assertEquals(subject.netdev.offloads, ALL & ~TSO4);
  assertEquals(subject.unmet, []);
});

Deno.test("on the embedded HCA connected mode keeps the offloads", () => {
  const subject = new Subject(SOFT);
  const { on } = subject;
  subject.mode = "connected";
  subject.features.update();
  assertEquals([subject.on, subject.netdev.offloads], [on, ALL]);
});

Deno.test("rx-gro and rx-lro are one switch, and rx-checksum is another", () => {
  const { features, receive, ...subject } = new Subject(HARDWARE);
  const { coalescing } = receive;
  const set = (request: Record<string, boolean>) => {
    features.change(request);
    return [coalescing.enabled, coalescing.udp];
  };
  assertEquals(subject.mode, "datagram");
  assertEquals(set({ "rx-lro": false }), [false, false]);
  assertEquals(set({ "rx-udp-gro-forwarding": true }), [false, false]);
  assertEquals(set({ "rx-gro": true }), [true, true]);
  assertEquals(set({ "rx-gro": false }), [false, false]);
  assertEquals(set({ "rx-lro": true }), [true, true]);
  assertEquals(set({ "rx-checksum": false }), [true, true]);
  assertEquals(receive.trustsChecksums, false);
  features.change({ "rx-checksum": true });
  assertEquals(receive.trustsChecksums, true);
});

Deno.test("features that the kernel lacks are off and fixed", () => {
  const subject = new Subject(SOFT, ALL & ~USO);
  assertEquals(subject.netdev.offloads, ALL & ~USO);
  const udp = subject.features.list()
    .find(({ name }) => name === "tx-udp-segmentation")!;
  assertEquals([udp.active, udp.fixed, udp.requested], [false, true, false]);
  assertEquals(subject.set("-tx-tcp6-segmentation"), ALL & ~USO & ~TSO6);
});

Deno.test("features of the kernel reach the network device", () => {
  const subject = new Subject(SOFT);
  const { kernelFeatures } = subject.netdev;
  const off = {
    "tx-generic-segmentation": true,
    "tx-tcp-mangleid-segmentation": false,
    "tx-nocache-copy": false,
  };
  assertEquals(kernelFeatures, off, "as the driver's");
  subject.set("-tx-generic-segmentation", "+tx-nocache-copy");
  subject.set("+tx-tcp-mangleid-segmentation");
  assertEquals(kernelFeatures, {
    "tx-generic-segmentation": false,
    "tx-tcp-mangleid-segmentation": true,
    "tx-nocache-copy": true,
  });
  assertEquals(subject.netdev.offloads, ALL);
  subject.set("-tx-tcp-segmentation");
  assertEquals(kernelFeatures["tx-tcp-mangleid-segmentation"], false);
  assertEquals(subject.unmet.includes("tx-tcp-mangleid-segmentation"), true);
});

Deno.test("the features survive the end of the link and a new queue pair, and children have their own", () => {
  const rig = new Rig();
  const host = rig.host({ address: "10.0.0.1", connections: true });
  const { netdev, link } = host;
  assertEquals(netdev.offloads, ALL);
  link.features.change({ "tx-tcp-segmentation": false });
  const expected = ALL & ~TSO4;
  assertEquals(netdev.offloads, expected);
  netdev.config.setLink({ up: false });
  rig.settle();
  netdev.config.setLink({ up: true });
  rig.settle();
  link.setReceiveQueueSize(512);
  rig.settle();
  assertEquals([link.state, netdev.offloads], ["running", expected]);
  host.device.createChild(0x8001);
  assertEquals(host.netdevs[1]!.offloads, ALL);
  rig.check();
});
