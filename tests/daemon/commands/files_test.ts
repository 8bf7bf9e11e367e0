/** Sysfs attributes: the set for each kind of interface, parsing of values, refusals (Linux 6.1 behavior). */

import { assertEquals } from "@std/assert";
import { Rig } from "../../ipoib/rig.ts";
import { Control } from "./support.ts";

const ENOENT = 2;
const EACCES = 13;
const ENODEV = 19;
const EINVAL = 22;
const ENOTUNIQ = 76;

const PARENT = "ib1";
const LEGACY = "ib1.8001";
const RTNL = "kid";

function family(): Control {
  const control = new Control(new Rig().pair()[0]);
  control.run("child.create", { pkey: 0x8001 });
  control.run("link.add", { link: PARENT, name: RTNL, pkey: 0x8002 });
  return control;
}

/** Expected result of a read for each kind of interface: the value or the errno. */
const reads: readonly [
  file: string,
  parent: string | number,
  legacy: string | number,
  rtnl: string | number,
][] = [
  ["mode", "datagram", "datagram", ENOENT],
  ["umcast", "0", "0", ENOENT],
  ["pkey", "0xffff", "0x8001", ENOENT],
  ["parent", ENOENT, PARENT, ENOENT],
  ["create_child", EACCES, ENOENT, ENOENT],
  ["delete_child", EACCES, ENOENT, ENOENT],
  ["mtu", "2044", "2044", "2044"],
  [
    "address",
    "00:00:00:48:fe:80:00:00:00:00:00:00:00:02:c9:03:00:00:00:01",
    "00:00:00:49:fe:80:00:00:00:00:00:00:00:02:c9:03:00:00:00:01",
    "00:00:00:4a:fe:80:00:00:00:00:00:00:00:02:c9:03:00:00:00:01",
  ],
  [
    "broadcast",
    "00:ff:ff:ff:ff:12:40:1b:ff:ff:00:00:00:00:00:00:ff:ff:ff:ff",
    "00:ff:ff:ff:ff:12:40:1b:80:01:00:00:00:00:00:00:ff:ff:ff:ff",
    "00:ff:ff:ff:ff:12:40:1b:80:02:00:00:00:00:00:00:ff:ff:ff:ff",
  ],
  ["addr_len", "20", "20", "20"],
  ["dev_id", "0", "0", "0"],
  ["dev_port", "0", "0", "0"],
  ["nonsense", ENOENT, ENOENT, ENOENT],
  ["constructor", ENOENT, ENOENT, ENOENT],
];

Deno.test("parents, legacy children and rtnl children have the attributes of ib_ipoib", () => {
  const control = family();
  for (const [file, ...expected] of reads) {
    const found = [PARENT, LEGACY, RTNL].map((name) =>
      control.refusal("get", { name, file }) ||
      control.run("get", { name, file }).value
    );
    assertEquals(found, expected, file);
  }
});

Deno.test("file.show returns all attributes of an interface", () => {
  const control = family();
  const names = (name: string, which: "value" | "writable") =>
    control.run("file.show", { name }).filter((each) => each[which])
      .map(({ file }) => file);
  const common = ["mtu", "dev_id", "dev_port", "address", "broadcast"];
  assertEquals(names(PARENT, "value"), [
    ...["mode", "umcast", "pkey", ...common, "addr_len"],
  ]);
  assertEquals(names(PARENT, "writable"), [
    ...["mode", "umcast", "mtu", "create_child", "delete_child"],
  ]);
  assertEquals(names(RTNL, "writable"), ["mtu"]);
  assertEquals(names(LEGACY, "value").includes("parent"), true);
  for (const { file, value } of control.run("file.show", { name: LEGACY })) {
    assertEquals(control.run("get", { name: LEGACY, file }).value, value);
  }
});

/** Expected errno of a write to the parent or to another interface; 0 for success. */
const writes: [file: string, value: string, outcome: number, of?: string][] = [
  ["mode", "datagram", 0],
  ["mode", "datagram ", EINVAL],
  ["mode", "Datagram", EINVAL],
  ["mode", "", EINVAL],
  ["mode", "connected", EINVAL],
  ["mode", "datagram", 0, LEGACY],
  ["mode", "datagram", ENOENT, RTNL],
  ["pkey", "1", EACCES],
  ["parent", "ib9", EACCES, LEGACY],
  ["parent", "ib9", ENOENT],
  ["dev_id", "1", EACCES],
  ["create_child", "1", ENOENT, LEGACY],
  ["create_child", "1", ENOENT, RTNL],
  ["create_child", "x", EINVAL],
  ["create_child", "", EINVAL],
  ["create_child", "-", EINVAL],
  ["create_child", "0", EINVAL],
  ["create_child", "-1", EINVAL],
  ["create_child", "65536", EINVAL],
  ["create_child", "0x8000", EINVAL],
  ["create_child", "0xffff", ENOTUNIQ],
  ["create_child", "32769", ENOTUNIQ],
  ["create_child", "0100001", ENOTUNIQ],
  ["create_child", "0x8001 and more", ENOTUNIQ],
  ["create_child", "  0X8001", ENOTUNIQ],
  ["create_child", "4294967297", 0],
  ["create_child", "0x0003", 0],
  ["create_child", "09", EINVAL],
  ["create_child", "0xyz", EINVAL],
  ["delete_child", "x", EINVAL],
  ["delete_child", "-1", EINVAL],
  ["delete_child", "65536", EINVAL],
  ["delete_child", "0", ENODEV],
  ["delete_child", "0x8002", ENODEV],
  ["delete_child", "0x8003", 0],
  ["delete_child", "0x8003", ENODEV],
  ["mtu", "1500", 0],
  ["mtu", "0x5dc", 0],
  ["mtu", "02734", 0],
  ["mtu", "+1500", 0],
  ["mtu", "1500x", EINVAL],
  ["mtu", "-1500", EINVAL],
  ["mtu", "", EINVAL],
  ["mtu", "71", EINVAL],
  ["mtu", "65521", EINVAL],
  ["mtu", "72", 0, RTNL],
  ["nonsense", "1", ENOENT],
];

Deno.test("writes parse values as ib_ipoib does and fail with its error numbers", () => {
  const control = family();
  for (const [file, value, outcome, name = PARENT] of writes) {
    const found = control.refusal("set", { name, file, value });
    assertEquals(found, outcome, `${name} ${file} "${value}"`);
  }
  assertEquals(
    control.run("child.list").map(({ ifname }) => ifname),
    ["ib1.8001", "kid", "ib1.0001"],
  );
  // family() adds two children; the writes create two and delete one.
  assertEquals(control.changes, 5);
});

Deno.test("a write to umcast accepts any text and sets it if a number above 0 precedes the rest", () => {
  const control = family();
  const outcomes: [string, string][] = [
    ["1", "1"],
    ["0", "0"],
    ["0x10", "1"],
    ["garbage", "0"],
    ["2 or 3", "1"],
    ["-1", "0"],
    ["0x80000000", "0"],
    ["1", "1"],
    ["", "0"],
  ];
  for (const name of [PARENT, LEGACY]) {
    for (const [value, now] of outcomes) {
      control.run("set", { name, file: "umcast", value });
      const { value: found } = control.run("get", { name, file: "umcast" });
      assertEquals(found, now, value);
    }
  }
  control.run("set", { name: PARENT, file: "umcast", value: "1" });
  const [link] = control.run("link.show", { name: PARENT });
  assertEquals(link!.linkinfo.info_data.umcast, "0001");
});
