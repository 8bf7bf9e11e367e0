/** `ipoib ethtool`: output, error messages and argument parsing of ethtool 6.1. */

import { assertEquals, assertThrows } from "@std/assert";
import { IpoibError } from "../../src/base/errors.ts";
import {
  ParameterError,
  readParameters,
} from "../../src/cli/ethtool_parameters.ts";
import type { Handlers } from "../../src/ipc/server.ts";
import * as records from "../ipc/records.ts";
import { CliFixture } from "./support.ts";

const EINVAL = 22;
const EOPNOTSUPP = 95;

const handlers: Handlers = {
  "coalesce.get": () => ({ "rx-usecs": 16, "rx-frames": 0 }),
  "coalesce.set": ({ values }) => {
    if (values["rx-usecs"] === 70000) {
      throw new IpoibError("E_COALESCE", "Too large", { errno: EINVAL });
    }
    if ("tx-usecs" in values) {
      throw new IpoibError(
        "E_COALESCE_PARAMETER",
        "cannot modify an unsupported parameter",
        { errno: EOPNOTSUPP },
      );
    }
    return {};
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
  "features": () => [
    { name: "rx-checksum", active: true, fixed: true, requested: true },
    { name: "tx-checksum-ipv4", active: true, fixed: true, requested: true },
    { name: "rx-gro", active: true, fixed: false, requested: true },
    { name: "rx-lro", active: false, fixed: false, requested: true },
  ],
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
Adaptive RX: n/a  TX: n/a
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
	tx-checksum-ipv4: on [fixed]
	tx-checksum-ip-generic: off [fixed]
	tx-checksum-ipv6: off [fixed]
	tx-checksum-fcoe-crc: off [fixed]
	tx-checksum-sctp: off [fixed]
scatter-gather: off
	tx-scatter-gather: off [fixed]
	tx-scatter-gather-fraglist: off [fixed]
tcp-segmentation-offload: off
	tx-tcp-segmentation: off [fixed]
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
    "rx-usecs": 16,
    "rx-frames": 0,
  });
  assertEquals((await json("ethtool -j -i ib0"))["bus-info"], "subnet/default");
  assertEquals((await json("-j ethtool -S ib0")).multicast, 7);
  assertEquals((await json("-j ethtool"))["auto-negotiation"], true);
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

Deno.test("ipoib ethtool prints the error messages of ethtool", async () => {
  await using cli = new CliFixture();
  await cli.daemon("ib0", { handlers });
  const unsupported = "netlink error: Operation not supported\n";
  const lines: [string, number, string][] = [
    ["-C ib0 rx-usecs 70000", 2, "netlink error: Invalid argument\n"],
    [
      "-C ib0 rx-usecs 1 tx-usecs 1",
      2,
      "netlink error: cannot modify an unsupported parameter\n" +
      unsupported,
    ],
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
    ["-g ib0", 2, unsupported],
    ["-G ib0 rx 64", 2, unsupported],
    ["-a ib0", 2, unsupported],
    ["-t ib0", 2, "Cannot test: Operation not supported\n"],
    ["-c ib7", 3, "ipoib: ib7 is not running (running here: ib0)\n"],
  ];
  for (const [line, code, err] of lines) {
    const outcome = await cli.run(`ethtool ${line}`);
    assertEquals(outcome, { code, out: "", err }, line);
  }
});

Deno.test("readParameters() parses numbers as strtoul(3) does", () => {
  const read = (text: string) => readParameters(["rx-usecs", text])["rx-usecs"];
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
  assertEquals(readParameters(["cqe-mode-rx", "on", "adaptive-tx", "off"]), {
    "cqe-mode-rx": 1,
    "adaptive-tx": 0,
  });
});
