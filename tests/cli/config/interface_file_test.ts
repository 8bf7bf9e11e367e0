import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { Cli } from "../../../src/cli/cli.ts";
import {
  NOT_IN_FILES,
  readInterfaceFile,
  settingsOf,
} from "../../../src/cli/config/interface_file.ts";
import { configKeys } from "../../../src/cli/config/keys.ts";
import {
  type InterfaceState,
  SETTINGS,
} from "../../../src/cli/config/settings.ts";
import { up } from "../../../src/cli/commands/up.ts";
import type { SetupCall } from "../../../src/ipc/setup.ts";
import * as records from "../../ipc/records.ts";
import { CliFixture } from "../support.ts";

const fixture = new CliFixture();
const { options } = up(
  new Cli(fixture.environment({ code: 0, out: "", err: "" })),
);
await fixture[Symbol.asyncDispose]();

function read(text: string) {
  return readInterfaceFile(text, { path: "ib0.conf", ifname: "ib0", options });
}

/** Returns the problems of a file, as `LINE:COLUMN: MESSAGE`. */
function problems(text: string): string[] {
  return read(text).problems.map(({ line, column, message }) =>
    `${line}:${column}: ${message}`
  );
}

Deno.test("section [Interface] has the options of ipoib up", () => {
  const file = read(`[Interface]
hca = mlx5_0/2
roce = yes
netns = blue
pkey-index = 0x2
guid = 0002:c903:0:1
subnet-mtu = 4096
mode = connected
mtu = 1500
user = nobody
io = poll
memberships = proc
next-hops = routes
recv-queue-size = 1000
send-queue-size = 64
max-groups = 40
max-connections = 7
persist = yes
log = debug
`);
  assertEquals(file.problems, []);
  assertEquals(file.setup, []);
  assertEquals(Object.fromEntries(file.options), {
    hca: { kind: "verbs", device: "mlx5_0", port: 2 },
    roce: true,
    netns: "blue",
    pkeyIndex: 2,
    guid: 0x0002c90300000001n,
    subnetMtu: 4096,
    mode: "connected",
    mtu: 1500,
    user: "nobody",
    io: "poll",
    memberships: "proc",
    nextHops: "routes",
    recvQueueSize: 1000,
    sendQueueSize: 64,
    maxGroups: 40,
    maxConnections: 7,
    persist: true,
    log: "debug",
  });
  const other = options.filter(({ long }) => !NOT_IN_FILES.includes(long!));
  assertEquals(other.length + 1, file.options.size, "every option is tested");
});

Deno.test("the other keys become calls, in the order in which they can be applied", () => {
  const { setup, problems } = read(`[Interface]
route = default via 10.9.0.254
address = 10.9.0.1/24
umcast = 1
mcast_debug_level = 1

[Child]
address = 10.8.0.1/24
mtu = 9000
mode = connected
rx-usecs = 16
features = tso off
pkey = 0x8001

[child]
Up = no
Name = blue
PKEY = 0x0002
`);
  assertEquals(problems, []);
  assertEquals(
    setup.map(({ where, ifname, method, params }) => [
      ...[where, ifname, method],
      Object.entries(params).filter(([name]) =>
        !["name", "link", "parent"].includes(name)
      ),
    ]),
    [
      ["ib0.conf:4", "ib0", "link.set", [["umcast", true]]],
      ["ib0.conf:5", "ib0", "param.set", [
        ["param", "mcast_debug_level"],
        ["value", "1"],
      ]],
      ["ib0.conf:3", "ib0", "addr.add", [["local", "10.9.0.1/24"]]],
      ["ib0.conf:2", "ib0", "route.add", [
        ["dst", "0.0.0.0/0"],
        ["gateway", "10.9.0.254"],
      ]],
      ["ib0.conf:7", "ib0.8001", "child.create", [["pkey", 0x8001]]],
      ["ib0.conf:10", "ib0.8001", "link.set", [["mode", "connected"]]],
      ["ib0.conf:9", "ib0.8001", "link.set", [["mtu", 9000]]],
      ["ib0.conf:11", "ib0.8001", "coalesce.set", [
        ["values", { "rx-usecs": 16 }],
      ]],
      ["ib0.conf:12", "ib0.8001", "features.set", [["request", {
        "tx-tcp-segmentation": false,
        "tx-tcp-ecn-segmentation": false,
        "tx-tcp-mangleid-segmentation": false,
        "tx-tcp6-segmentation": false,
      }]]],
      ["ib0.conf:7", "ib0.8001", "link.set", [["up", true]]],
      ["ib0.conf:8", "ib0.8001", "addr.add", [["local", "10.8.0.1/24"]]],
      ["ib0.conf:15", "blue", "link.add", [["pkey", 2]]],
    ],
  );
});

Deno.test("the minimum MTU is that of the mode", () => {
  const refused = 'Invalid MTU "71"';
  const child = "[Child]\npkey = 1\n";
  assertEquals(problems(`[Interface]\nmtu = 72\n${child}mtu = 72`), []);
  assertEquals(problems("[Interface]\nmode = connected\nmtu = 71"), []);
  assertEquals(problems(`${child}mtu = 71\nmode = connected`), []);
  assertEquals(problems("[Interface]\nmtu = 71"), [`2:7: ${refused}`]);
  assertEquals(problems(`${child}mtu = 71`), [`3:7: ${refused}`]);
});

Deno.test("an MTU that only connected mode allows is not shown in datagram mode", () => {
  const shown = (mode: "datagram" | "connected") =>
    SETTINGS.mtu!.shown(
      apply(apply(NEW, SETTINGS.mtu!.read("ib0", "70")), {
        method: "link.set",
        params: { name: "ib0", mode },
      }),
    );
  assertEquals([shown("connected"), shown("datagram")], ["70", undefined]);
});

Deno.test("every problem has its line and column", () => {
  assertEquals(
    problems(`[Interface]
mtu = 67
 mode =  fast
mtu = 1500
color = red
background = yes
hca = soft/1
roce = maybe
umcast = 2
rx-usecs = x
features = tso maybe
features = wings on
debug_level = high
alias = ${"x".repeat(5000)}
[Child]
mtu = 1500
[Child]
pkey = 0x8000
[Child]
pkey = 0x8001
name = a/b
pkey-index = 1
[Child]
pkey = 0x8001
[Child]
pkey = 0x8001
[Child]
pkey = 0x8002
name = ib0
up = perhaps
[Interface]
[Cousin]
`),
    [
      '2:7: Invalid value "67" of mtu',
      '3:10: Invalid value "fast" of mode',
      '4:1: Key "mtu" is in line 2 too',
      '5:1: Unknown key "color" in section [Interface]',
      '6:1: Unknown key "background" in section [Interface]',
      '7:7: Invalid value "soft/1" of hca',
      '8:8: Invalid value "maybe"',
      '9:10: Invalid umcast value "2"',
      "10:12: Invalid value 'x' for parameter 'rx-usecs'",
      '11:12: Feature "tso" needs on or off',
      '12:1: Key "features" is in line 11 too',
      '13:15: Invalid value "high" of debug_level',
      "14:9: Invalid value: Invalid length: Expected <=4096 but received 5000",
      "15:1: Section [Child] has no pkey",
      '18:8: Invalid value "0x8000" of pkey',
      '21:8: Invalid name "a/b"',
      '22:1: Unknown key "pkey-index" in section [Child]',
      "26:1: Interface ib0.8001 is in line 23 too",
      "29:1: Interface ib0 is the parent",
      '30:6: Invalid value "perhaps"',
      "31:1: Section [Interface] is in line 1 too",
      "32:1: Unknown section [Cousin]",
    ],
  );
  const features = (value: string) =>
    problems(`[Interface]\nfeatures = ${value}`)[0];
  assertEquals(features("tso"), '2:12: Feature "tso" needs on or off');
  assertEquals(features("gro on tso"), '2:12: Feature "tso" needs on or off');
  assertEquals(features("wings on"), '2:12: Unknown feature "wings"');
  const [comment] = read("[Interface]\nmtu = 1500 # enough").problems;
  assertEquals(comment!.hint, "a comment stands on a line of its own");
});

Deno.test("configKeys() describes every key that a section can have", () => {
  for (const { section, keys } of configKeys(options)) {
    for (const [key, description] of keys) {
      assert(!/undefined|\.$/.test(description), `${key}: ${description}`);
      // A known key is refused for its value, if at all.
      const [first] = read(`[${section}]\n${key} = @`).problems
        .filter(({ line }) => line === 2);
      assert(!first?.message.startsWith("Unknown"), key);
    }
    const [{ hint } = { hint: "" }] = read(`[${section}]\nno = 1`).problems
      .filter(({ line }) => line === 2);
    assertEquals(
      hint!.replace("expected ", "").split(", ").sort(),
      [...keys.keys()].sort(),
    );
  }
});

/** The state of a new interface. */
const NEW: InterfaceState = {
  link: records.link,
  coalesce: { "rx-usecs": 0, "rx-frames": 0, "adaptive-rx": 0 },
  features: [
    {
      name: "rx-gro",
      active: true,
      fixed: false,
      requested: true,
      default: true,
    },
    {
      name: "tx-nocache-copy",
      active: false,
      fixed: false,
      requested: false,
      default: false,
    },
    {
      name: "highdma",
      active: true,
      fixed: true,
      requested: false,
      default: false,
    },
  ],
  params: [],
  ring: 256,
  newRing: 256,
};

/** Returns the state after a call, as the process of the interface would change it. */
function apply(state: InterfaceState, call: SetupCall): InterfaceState {
  switch (call.method) {
    case "link.set": {
      const { mode = "datagram", umcast = false, mtu, ...more } = call.params;
      const { info_data } = state.link.linkinfo;
      return {
        ...state,
        link: {
          ...state.link,
          linkinfo: {
            ...state.link.linkinfo,
            info_data: { ...info_data, mode, umcast: umcast ? "0001" : "0000" },
          },
          mtu_chain: {
            ...state.link.mtu_chain,
            ...mtu === undefined ? {} : { admin: mtu },
          },
          ...more.alias === undefined ? {} : { ifalias: more.alias },
          ...more.txqlen === undefined ? {} : { txqlen: more.txqlen },
          ...more.group ? { group: String(more.group) } : {},
          ...more.addrgenmode === undefined
            ? {}
            : { inet6_addr_gen_mode: more.addrgenmode },
        },
      };
    }
    case "coalesce.set":
      return {
        ...state,
        coalesce: { ...state.coalesce, ...call.params.values },
      };
    case "rings.set":
      return { ...state, ring: call.params.rx! };
    case "features.set":
      return {
        ...state,
        features: state.features.map((each) => ({
          ...each,
          requested: call.params.request[each.name] ?? each.requested,
        })),
      };
    case "param.set": {
      const { param, value } = call.params;
      return {
        ...state,
        params: value === "0"
          ? []
          : [{ param, value: Number(value), writable: true }],
      };
    }
    default:
      throw new Error(call.method);
  }
}

const number = (min: number, max: number) =>
  fc.integer({ min, max }).map(String);

/** Valid values of each setting. */
const VALUES: Record<string, fc.Arbitrary<string>> = {
  "mode": fc.constantFrom("datagram", "connected"),
  "mtu": number(72, 65_520),
  "recv-queue-size": number(2, 8192),
  "umcast": fc.constantFrom("0", "1"),
  "alias": fc.constantFrom("rail one", "#1", "ü = [x]"),
  "txqueuelen": number(0, 10_000),
  "group": fc.oneof(fc.constant("default"), number(0, 0xffffffff)),
  "addrgenmode": fc.constantFrom("eui64", "none", "random"),
  "rx-usecs": number(0, 100),
  "rx-frames": number(0, 100),
  "adaptive-rx": fc.constantFrom("on", "off"),
  "features": fc.constantFrom(
    "gro off",
    "gro on",
    "tx-nocache-copy on",
    "rx-gro off tx-nocache-copy on",
  ),
  "debug_level": number(0, 100),
  "mcast_debug_level": number(0, 100),
  "data_debug_level": number(0, 100),
};

Deno.test("every setting that is read and shown is read again with the same effect", () => {
  assertEquals(Object.keys(VALUES), Object.keys(SETTINGS));
  for (const [key, { read: parse, shown }] of Object.entries(SETTINGS)) {
    fc.assert(fc.property(VALUES[key]!, (value) => {
      const state = apply(NEW, parse("ib0", value));
      const text = shown(state);
      if (text === undefined) return assertEquals(state, NEW);
      assertEquals(apply(NEW, parse("ib0", text)), state);
      // The line is accepted by the parser of files too.
      const kind = settingsOf("child").has(key) ? "Child" : "Interface";
      const section = `[${kind}]\n${kind === "Child" ? "pkey = 1\n" : ""}`;
      assertEquals(problems(`${section}${key} = ${text}`), []);
    }));
  }
});

Deno.test("any text is read without an exception, and every problem is inside it", () => {
  const line = fc.oneof(
    fc.string(),
    fc.constantFrom("[Interface]", "[Child]", "pkey = 0x8001", "mtu = 1500"),
    fc.tuple(
      fc.constantFrom(...Object.keys(SETTINGS), "address", "route"),
      fc.string(),
    )
      .map(([key, value]) => `${key} = ${value}`),
  );
  fc.assert(fc.property(fc.array(line), (all) => {
    const text = all.join("\n");
    const lines = text.split(/\r?\n/);
    for (const problem of read(text).problems) {
      const { length } = lines[problem.line - 1]!;
      assert(problem.column >= 1 && problem.column <= length + 1);
      assert(/^[A-Z]/.test(problem.message), problem.message);
    }
  }));
});
