/** `ipoib ethtool`: output, error messages and argument parsing of ethtool 6.1. */

import { assertEquals, assertThrows } from "@std/assert";
import { IpoibError } from "../../src/base/errors.ts";
import {
  COALESCE,
  ParameterError,
  readParameters,
} from "../../src/cli/ethtool_parameters.ts";
import type { Handlers } from "../../src/ipc/server.ts";
import * as records from "../ipc/records.ts";
import { CliFixture } from "./support.ts";

const EINVAL = 22;
const EOPNOTSUPP = 95;

const FEATURES = [
  { name: "rx-checksum", active: true, fixed: true, requested: false },
  { name: "tx-checksum-ipv4", active: true, fixed: false, requested: true },
  { name: "tx-tcp-segmentation", active: true, fixed: false, requested: true },
  { name: "rx-gro", active: true, fixed: false, requested: true },
  { name: "rx-lro", active: false, fixed: false, requested: true },
];

const handlers: Handlers = {
  "coalesce.get": () => ({
    "rx-usecs": 16,
    "rx-frames": 0,
    "adaptive-rx": 0,
  }),
  "coalesce.set": ({ values }) => {
    if (values["rx-usecs"] === 70000) {
      throw new IpoibError("E_COALESCE", "Too large", { errno: EINVAL });
    }
    if (values["rx-usecs"] === 95) {
      throw new IpoibError("E_MODERATION", "No", { errno: EOPNOTSUPP });
    }
    return {};
  },
  "rings.get": () => ({
    "rx-max": 8192,
    "tx-max": 512,
    "rx": 256,
    "tx": 512,
    "tx-push": false,
  }),
  "rings.set": ({ tx }) => {
    if (tx !== 1) return {};
    throw new IpoibError("E_RING", "Out of range", { errno: EINVAL });
  },
  /** The rules of an interface in short: checksums are needed by segmentation, all others are fixed. */
  "features.set": ({ request }) => {
    const checksum = request["tx-checksum-ipv4"] ?? true;
    const segmentation = request["tx-tcp-segmentation"] ?? true;
    const active: Record<string, boolean> = {
      "tx-checksum-ipv4": checksum,
      "tx-tcp-segmentation": checksum && segmentation,
    };
    const after = FEATURES.map((each) => ({
      ...each,
      active: active[each.name] ?? each.active,
    }));
    return { before: FEATURES, after };
  },
  "driver": () => ({
    "driver": "ib_ipoib",
    "version": "0.1.0",
    "firmware-version": "1.0.0",
    "expansion-rom-version": "",
    "bus-info": "subnet/default",
    "supports-statistics": true,
    "supports-test": false,
    "supports-eeprom-access": false,
    "supports-register-dump": false,
    "supports-priv-flags": false,
  }),
  "features": () => FEATURES,
  "stats": () => [{
    ifname: "ib0",
    stats64: records.link.stats64,
    drops: { tx_link_down: 2 },
    counters: { port_posted: 7 },
  }],
};

const shown: Record<string, string> = {
  "-c": `\
Coalesce parameters for ib0:
Adaptive RX: off  TX: n/a
stats-block-usecs: n/a
sample-interval: n/a
pkt-rate-low: n/a
pkt-rate-high: n/a

rx-usecs: 16
rx-frames: 0
rx-usecs-irq: n/a
rx-frames-irq: n/a

tx-usecs: n/a
tx-frames: n/a
tx-usecs-irq: n/a
tx-frames-irq: n/a

rx-usecs-low: n/a
rx-frame-low: n/a
tx-usecs-low: n/a
tx-frame-low: n/a

rx-usecs-high: n/a
rx-frame-high: n/a
tx-usecs-high: n/a
tx-frame-high: n/a

CQE mode RX: n/a  TX: n/a

`,
  "-g": `\
Ring parameters for ib0:
Pre-set maximums:
RX:		8192
RX Mini:	n/a
RX Jumbo:	n/a
TX:		512
Current hardware settings:
RX:		256
RX Mini:	n/a
RX Jumbo:	n/a
TX:		512
RX Buf Len:		n/a
CQE Size:		n/a
TX Push:	off
TCP data split:	n/a
`,
  "-i": `\
driver: ib_ipoib
version: 0.1.0
firmware-version: 1.0.0
expansion-rom-version: ${""}
bus-info: subnet/default
supports-statistics: yes
supports-test: no
supports-eeprom-access: no
supports-register-dump: no
supports-priv-flags: no
`,
  "-S": `\
NIC statistics:
     rx_packets: 29
     tx_packets: 88888888
     rx_bytes: 3193
     tx_bytes: 123456789012
     tx_errors: 0
     rx_dropped: 1
     tx_dropped: 2
     multicast: 7
     tx_link_down: 2
     port_posted: 7
`,
  "": `\
Settings for ib0:
	Supported ports: [  ]
	Supported link modes:   Not reported
	Supported pause frame use: No
	Supports auto-negotiation: No
	Supported FEC modes: Not reported
	Advertised link modes:  Not reported
	Advertised pause frame use: No
	Advertised auto-negotiation: No
	Advertised FEC modes: Not reported
	Speed: 100000Mb/s
	Duplex: Full
	Auto-negotiation: on
	Port: Other
	PHYAD: 255
	Transceiver: internal
	Link detected: yes
`,
};

Deno.test("ipoib ethtool prints the same text as ethtool", async () => {
  await using cli = new CliFixture();
  await cli.daemon("ib0", { handlers });
  for (const [option, out] of Object.entries(shown)) {
    for (const line of [`ethtool ${option} ib0`, `ethtool ${option}`]) {
      assertEquals(await cli.run(line), { code: 0, out, err: "" }, line);
    }
  }
  const { out } = await cli.run("ethtool --show-features ib0");
  assertEquals(
    out.split("\n").slice(0, 18).join("\n"),
    `\
Features for ib0:
rx-checksumming: on [fixed]
tx-checksumming: on
	tx-checksum-ipv4: on
	tx-checksum-ip-generic: off [fixed]
	tx-checksum-ipv6: off [fixed]
	tx-checksum-fcoe-crc: off [fixed]
	tx-checksum-sctp: off [fixed]
scatter-gather: off
	tx-scatter-gather: off [fixed]
	tx-scatter-gather-fraglist: off [fixed]
tcp-segmentation-offload: on
	tx-tcp-segmentation: on
	tx-tcp-ecn-segmentation: off [fixed]
	tx-tcp-mangleid-segmentation: off [fixed]
	tx-tcp6-segmentation: off [fixed]
generic-segmentation-offload: off [fixed]
generic-receive-offload: on`,
  );
  assertEquals(
    out.includes("large-receive-offload: off [requested on]\n"),
    true,
  );
});

Deno.test("settings of a link without carrier are zero or unknown", async () => {
  await using cli = new CliFixture();
  await cli.daemon("ib0", {
    handlers: {
      ...handlers,
      "link.show": () => [{
        ...records.link,
        flags: ["NO-CARRIER", "BROADCAST", "MULTICAST", "UP"],
      }],
    },
  });
  const { out } = await cli.run("ethtool ib0");
  assertEquals(out.split("\n").slice(10, -1), [
    "\tSpeed: Unknown!",
    "\tDuplex: Unknown! (255)",
    "\tAuto-negotiation: off",
    "\tPort: Twisted Pair",
    "\tPHYAD: 0",
    "\tTransceiver: internal",
    "\tMDI-X: Unknown",
    "\tLink detected: no",
  ]);
  const [json] = JSON.parse((await cli.run("-j ethtool ib0")).out);
  assertEquals([json.speed, json["link-detected"]], [undefined, false]);
});

Deno.test("ipoib ethtool -j prints JSON with the keys of ethtool", async () => {
  await using cli = new CliFixture();
  await cli.daemon("ib0", { handlers });
  const json = async (line: string) => {
    const { code, out, err } = await cli.run(line);
    assertEquals([code, err], [0, ""]);
    return JSON.parse(out)[0];
  };
  assertEquals(await json("ethtool -c ib0 -j"), {
    ifname: "ib0",
    "adaptive-rx": false,
    "rx-usecs": 16,
    "rx-frames": 0,
  });
  assertEquals((await json("ethtool -j -i ib0"))["bus-info"], "subnet/default");
  assertEquals((await json("-j ethtool -S ib0")).multicast, 7);
  assertEquals((await json("-j ethtool"))["auto-negotiation"], true);
  assertEquals(await json("-j ethtool -g"), {
    ...{ ifname: "ib0", "rx-max": 8192, "tx-max": 512, "rx": 256, "tx": 512 },
    "tx-push": false,
  });
  assertEquals(await json("-j ethtool -K ib0 tx off"), {
    ifname: "ib0",
    "tx-checksum-ipv4": { active: false, requested: false },
    "tx-tcp-segmentation": { active: false, requested: null },
  });
  const features = await json("ethtool -k ib0 --json");
  assertEquals(features["tx-checksumming"], {
    active: true,
    fixed: null,
    requested: null,
  });
  assertEquals(features["highdma"], {
    active: false,
    fixed: true,
    requested: false,
  });
});

Deno.test("ipoib ethtool -C sets the given parameters and prints nothing", async () => {
  await using cli = new CliFixture();
  const calls = await cli.daemon("ib0", { handlers });
  const lines: [string, Record<string, number>][] = [
    ["ethtool -C ib0 rx-usecs 16", { "rx-usecs": 16 }],
    ["ethtool -C rx-usecs 0x10 rx-frames 010", {
      "rx-usecs": 16,
      "rx-frames": 8,
    }],
    ["ethtool ib0 rx-frames 4294967295 -C", { "rx-frames": 4294967295 }],
    ["ethtool --coalesce ib0", {}],
  ];
  for (const [line, values] of lines) {
    assertEquals(await cli.run(line), { code: 0, out: "", err: "" }, line);
    assertEquals(calls.pop(), ["coalesce.set", { name: "ib0", values }], line);
  }
});

Deno.test("ipoib ethtool prints the error messages of ethtool and exits with its codes", async () => {
  await using cli = new CliFixture();
  await cli.daemon("ib0", { handlers });
  const unsupported = "netlink error: Operation not supported\n";
  const invalid = "netlink error: Invalid argument\n";
  const parameter = (offset: number) =>
    `netlink error: cannot modify an unsupported parameter (offset ${offset})\n`;
  const lines: [string, number, string][] = [
    ["-C ib0 rx-usecs 70000", 1, invalid],
    ["-C ib0 rx-usecs 95", 1, unsupported],
    ["-C ib0 rx-usecs 1 tx-usecs 1", 1, parameter(40) + invalid],
    ["-C ib0 adaptive-tx on", 1, parameter(32) + invalid],
    ["-C ib0 foo 3", 1, "ethtool (-C): unknown parameter 'foo'\n"],
    ["-C ib0 rx-usecs", 1, "ethtool (-C): no value for parameter 'rx-usecs'\n"],
    [
      "-C ib0 rx-usecs -1",
      1,
      "ethtool (-C): invalid value '-1' for parameter 'rx-usecs'\n",
    ],
    [
      "-C ib0 adaptive-rx 1",
      1,
      "ethtool (-C): invalid value '1' for parameter 'adaptive-rx'\n",
    ],
    [
      "-C ib0 rx-frames 1 rx-frames 2",
      1,
      "ethtool (-C): duplicate parameter 'rx-frames'\n",
    ],
    ["-c ib0 more", 1, "ethtool: unexpected parameter 'more'\n"],
    [
      "-i ib0 more",
      1,
      "ethtool: bad command line argument(s)\nFor more information run ethtool -h\n",
    ],
    ["-S ib0 more", 1, "ethtool (-S): unknown parameter 'more'\n"],
    ["-G ib0 foo 3", 1, "ethtool (-G): unknown parameter 'foo'\n"],
    ["-G ib0 rx x", 1, "ethtool (-G): invalid value 'x' for parameter 'rx'\n"],
    [
      "-G ib0 rx 64 tx-push on",
      81,
      "netlink error: setting tx push not supported (offset 40)\n" +
      unsupported,
    ],
    [
      "-G ib0 tx 512 rx 8193",
      81,
      "netlink error: requested ring size exceeds maximum (offset 40)\n" +
      invalid,
    ],
    [
      "-G ib0 rx-jumbo 1",
      81,
      "netlink error: requested ring size exceeds maximum (offset 32)\n" +
      invalid,
    ],
    ["-G ib0 tx 1", 81, invalid],
    ["-G ib0 rx 64 tx 64", 0, ""],
    ["-G rx 64", 0, ""],
    ["-a ib0", 1, unsupported],
    ["-t ib0", 74, "Cannot test: Operation not supported\n"],
    ["-t offline", 74, "Cannot test: Operation not supported\n"],
    [
      "-t ib0 fast",
      1,
      "ethtool: bad command line argument(s)\nFor more information run ethtool -h\n",
    ],
    ["-c ib7", 3, "ipoib: ib7 is not running (running here: ib0)\n"],
  ];
  for (const [line, code, err] of lines) {
    const outcome = await cli.run(`ethtool ${line}`);
    assertEquals(outcome, { code, out: "", err }, line);
  }
});

Deno.test("ipoib ethtool -K requests features by all their names", async () => {
  await using cli = new CliFixture();
  const calls = await cli.daemon("ib0", { handlers });
  const lines: [string, string[]][] = [
    ["tso off", [
      "-tx-tcp-segmentation",
      "-tx-tcp-ecn-segmentation",
      "-tx-tcp-mangleid-segmentation",
      "-tx-tcp6-segmentation",
    ]],
    ["ib0 large-receive-offload on", ["+rx-lro"]],
    ["ib0 gro on gso off", ["+rx-gro", "-tx-generic-segmentation"]],
    ["ib0 rx-udp-gro-forwarding on", ["+rx-udp-gro-forwarding"]],
    ["sg on", ["+tx-scatter-gather", "+tx-scatter-gather-fraglist"]],
    ["ib0 gro on rx-gro off", ["-rx-gro"]],
  ];
  for (const [line, expected] of lines) {
    await cli.run(`ethtool -K ${line}`);
    const [method, { name, request }] = calls.pop() as [
      string,
      { name: string; request: Record<string, boolean> },
    ];
    assertEquals([method, name], ["features.set", "ib0"]);
    const words = Object.entries(request).map(([feature, on]) =>
      `${on ? "+" : "-"}${feature}`
    );
    assertEquals(words, expected, line);
  }
});

Deno.test("ipoib ethtool -K prints changes and failures as ethtool does", async () => {
  await using cli = new CliFixture();
  await cli.daemon("ib0", { handlers });
  const failed = "Could not change any device features\n";
  const lines: [string, number, string, string][] = [
    ["ib0 tx-tcp-segmentation off", 0, "", ""],
    ["ib0 tx-checksum-ipv4 on", 0, "", ""],
    [
      "ib0 tx-checksum-ipv4 off",
      0,
      `Actual changes:
tx-checksum-ipv4: off
tx-tcp-segmentation: off [not requested]
`,
      "",
    ],
    [
      "ib0 tx off tx-tcp-segmentation on",
      0,
      `Actual changes:
tx-checksum-ipv4: off
tx-tcp-segmentation: off [requested on]
`,
      "",
    ],
    [
      "ib0 rx off",
      1,
      `Actual changes:
rx-checksum: on [requested off]
`,
      failed,
    ],
    [
      "ib0 ntuple on rxhash on lro off",
      0,
      `Actual changes:
rx-ntuple-filter: off [requested on]
rx-hashing: off [requested on]
`,
      "",
    ],
    ["ib0", 1, "", failed],
    ["ib0 ufo on", 1, "", failed],
    [
      "ib0 gro off nothing off",
      92,
      "",
      "netlink error: bit name not found (offset 68)\n" +
      "netlink error: Operation not supported\n",
    ],
    [
      "ib0 vlan-challenged off",
      92,
      "",
      "netlink error: attempt to change non-ethtool features\n" +
      "netlink error: Invalid argument\n",
    ],
    [
      "ib0 tso 1",
      1,
      "",
      "ethtool (-K): flag '1' for parameter 'tso' is not followed by 'on' or 'off'\n",
    ],
  ];
  for (const [line, code, out, err] of lines) {
    const outcome = await cli.run(`ethtool -K ${line}`);
    assertEquals(outcome, { code, out, err }, line);
  }
});

Deno.test("readParameters() parses numbers as strtoul(3) does", () => {
  const read = (text: string) =>
    readParameters(["rx-usecs", text], COALESCE)["rx-usecs"];
  const numbers: [string, number][] = [
    ["0", 0],
    ["00", 0],
    ["017", 15],
    ["0X1f", 31],
    ["4294967295", 0xffffffff],
  ];
  for (const [text, value] of numbers) assertEquals(read(text), value, text);
  for (const text of ["", "08", "1x", "0x", "1.5", "1e3", "4294967296"]) {
    assertThrows(() => read(text), ParameterError, "invalid value");
  }
  const words = ["cqe-mode-rx", "on", "adaptive-tx", "off"];
  assertEquals(readParameters(words, COALESCE), {
    "cqe-mode-rx": 1,
    "adaptive-tx": 0,
  });
});
