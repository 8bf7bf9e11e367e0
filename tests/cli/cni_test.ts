/** `ipoib cni` against fake processes and fake IPAM plugins. */

import { assertEquals, assertStringIncludes } from "@std/assert";
import { IpoibError } from "../../src/base/errors.ts";
import type { Handlers } from "../../src/ipc/server.ts";
import * as records from "../ipc/records.ts";
import { type Call, CliFixture } from "./support.ts";

const CONFIG = {
  cniVersion: "1.0.0",
  name: "storage",
  type: "ipoib",
  master: "ib0",
  pkey: "0x8001",
};
const WITH_IPAM = { ...CONFIG, ipam: { type: "host-local" } };
const PLUGIN = "/plugins/host-local";
/** The first 6 bytes of the SHA-256 sum of `c1/eth0`. */
const TEMPORARY = "cnid72e032fedd9";
const ASSIGNED = {
  cniVersion: "1.0.0",
  ips: [
    { address: "10.7.0.2/24", gateway: "10.7.0.1" },
    { address: "fd00::2/64", gateway: "fd00::1" },
  ],
  routes: [
    { dst: "10.99.0.0/16" },
    { dst: "fd99::/64", gw: "fd00::9" },
  ],
};

interface Plugin {
  readonly fixture: CliFixture;
  readonly calls: Call[];
  /** Calls of the IPAM plugin. */
  readonly ipam: string[];
  run(
    command: string,
    config?: object,
    variables?: Record<string, string>,
  ): Promise<{ code: number; output: Record<string, unknown> | undefined }>;
}

/** Runs `body` with the process of ib0, whose child eth0 is in namespace `blue`. */
async function withPlugin(
  body: (plugin: Plugin) => Promise<void>,
  handlers: Handlers = {},
): Promise<void> {
  await using fixture = new CliFixture();
  const calls = await fixture.daemon("ib0", {
    moved: { blue: ["eth0", TEMPORARY] },
    handlers: {
      "link.show": () => [{ ...records.link, ifname: "eth0", pkey: "0x8001" }],
      "link.add": () => ({}),
      "link.del": () => ({ deleted: true }),
      "addr.add": () => ({}),
      "route.add": () => ({}),
      ...handlers,
    },
  });
  const ipam: string[] = [];
  fixture.plugins[PLUGIN] = (command) => {
    ipam.push(command);
    return { code: 0, stdout: JSON.stringify(ASSIGNED) };
  };
  const run: Plugin["run"] = async (command, config = CONFIG, variables) => {
    Object.assign(fixture.cniVariables, {
      CNI_COMMAND: command,
      CNI_CONTAINERID: "c1",
      CNI_NETNS: "blue",
      CNI_IFNAME: "eth0",
      CNI_PATH: "/elsewhere:/plugins",
      ...variables,
    });
    fixture.input = JSON.stringify(config);
    const { code, out, err } = await fixture.run("");
    assertEquals(err, "");
    return { code, output: out === "" ? undefined : JSON.parse(out) };
  };
  await body({ fixture, calls, ipam, run });
}

Deno.test("VERSION lists the supported versions", () =>
  withPlugin(async ({ run }) => {
    assertEquals(await run("VERSION"), {
      code: 0,
      output: {
        cniVersion: "1.0.0",
        supportedVersions: ["0.3.0", "0.3.1", "0.4.0", "1.0.0"],
      },
    });
  }));

Deno.test("ADD creates a child, moves it, and sets addresses and routes", () =>
  withPlugin(async ({ run, calls, ipam }) => {
    const { code, output } = await run("ADD", {
      ...WITH_IPAM,
      mode: "connected",
      mtu: 9000,
    });
    assertEquals(code, 0);
    assertEquals(output, {
      cniVersion: "1.0.0",
      interfaces: [
        { name: "eth0", mac: records.link.address, sandbox: "blue" },
      ],
      ips: ASSIGNED.ips.map((ip) => ({ interface: 0, ...ip })),
      routes: ASSIGNED.routes,
      dns: {},
    });
    const name = "eth0";
    assertEquals(calls, [
      ["link.add", {
        link: "ib0",
        name: TEMPORARY,
        pkey: 0x8001,
        mode: "connected",
      }],
      ["link.set", { name: TEMPORARY, mtu: 9000 }],
      ["link.set", { name: TEMPORARY, netns: "blue" }],
      ["link.set", { name: TEMPORARY, rename: "eth0" }],
      ["link.set", { name, addrgenmode: "random" }],
      ["link.set", { name, up: true }],
      ["addr.add", { name, local: "10.7.0.2/24" }],
      ["addr.add", { name, local: "fd00::2/64", flags: ["nodad"] }],
      ["route.add", { name, dst: "10.99.0.0/16", gateway: "10.7.0.1" }],
      ["route.add", { name, dst: "fd99::/64", gateway: "fd00::9" }],
      ["link.show", { name }],
    ]);
    assertEquals(ipam, ["ADD"]);
  }));

Deno.test("the result of ADD has the form of the version of the configuration", () =>
  withPlugin(async ({ run }) => {
    const { output } = await run("ADD", { ...WITH_IPAM, cniVersion: "0.3.1" });
    assertEquals(output!.cniVersion, "0.3.1");
    const ips = output!.ips as { version: string }[];
    assertEquals(ips.map(({ version }) => version), ["4", "6"]);
  }));

Deno.test("ADD without IPAM creates an interface without addresses", () =>
  withPlugin(async ({ run, ipam }) => {
    const { code, output } = await run("ADD");
    assertEquals([code, output!.ips, output!.routes], [0, [], []]);
    assertEquals(ipam, []);
  }));

Deno.test("an ADD that fails after the move deletes the interface and returns the addresses", () =>
  withPlugin(
    async ({ run, calls, ipam }) => {
      const { code, output } = await run("ADD", WITH_IPAM);
      assertEquals(code, 1);
      assertEquals(output, {
        cniVersion: "1.0.0",
        code: 100,
        msg: "Cannot set the address",
        details: "use another one",
      });
      const deleted = calls.filter(([method]) => method === "link.del");
      assertEquals(deleted, [["link.del", { name: "eth0" }]]);
      assertEquals(ipam, ["ADD", "DEL"]);
    },
    {
      "addr.add": () => {
        throw new IpoibError("E_ADDRESS_SET", "Cannot set the address", {
          hint: "use another one",
        });
      },
    },
  ));

Deno.test("an ADD that cannot rename the child keeps the interface of that name in the container", () =>
  withPlugin(
    async ({ run, calls }) => {
      assertEquals(await run("ADD"), {
        code: 1,
        output: {
          cniVersion: "1.0.0",
          code: 100,
          msg: "The container has an interface eth0 already",
          details: "call DEL before another ADD, or choose another CNI_IFNAME",
        },
      });
      const deleted = calls.filter(([method]) => method === "link.del");
      assertEquals(deleted, [["link.del", { name: TEMPORARY }]]);
    },
    {
      "link.set": ({ rename }) => {
        if (rename === undefined) return {};
        throw new IpoibError("E_LINK_SET", "Cannot rename: File exists", {
          errno: 17,
        });
      },
    },
  ));

Deno.test("DEL succeeds if interface, namespace or process do not exist", () =>
  withPlugin(async ({ run, calls, ipam }) => {
    assertEquals(await run("DEL", WITH_IPAM), { code: 0, output: undefined });
    assertEquals(calls, [
      ["link.del", { name: "eth0" }],
      ["link.del", { name: TEMPORARY }],
      ["link.del", { name: TEMPORARY }],
    ]);
    for (
      const variables of [
        { CNI_IFNAME: "eth7" },
        { CNI_NETNS: "deleted" },
        { CNI_NETNS: "" },
      ]
    ) {
      const { code } = await run("DEL", WITH_IPAM, variables);
      assertEquals(code, 0, JSON.stringify(variables));
    }
    const other = { ...WITH_IPAM, master: "ib9" };
    assertEquals((await run("DEL", other)).code, 0);
    assertEquals(ipam, Array(5).fill("DEL"));
  }));

Deno.test("CHECK compares P_Key, GID and addresses", () =>
  withPlugin(async ({ run }) => {
    const { local, prefixlen } = records.addresses[0]!;
    const good = {
      interfaces: [{ name: "eth0", mac: records.link.address }],
      ips: [{ address: `${local}/${prefixlen}`, interface: 0 }],
    };
    const check = async (prevResult: object, pkey = "0x8001") => {
      const { code, output } = await run("CHECK", {
        ...CONFIG,
        pkey,
        prevResult,
      });
      return code === 0 ? "" : output!.msg;
    };
    assertEquals(await check(good), "");
    assertStringIncludes(String(await check(good, "0x8002")), "has P_Key 1");
    assertStringIncludes(
      String(await check({ ...good, ips: [{ address: "10.9.9.9/8" }] })),
      "has address none instead of 10.9.9.9/8",
    );
    const withMac = (mac: string) =>
      check({ interfaces: [{ name: "eth0", mac }] });
    const { address } = records.link;
    // The flags and the QPN, which another process of the parent changes.
    assertEquals(await withMac(`80:00:0a:bc${address.slice(11)}`), "");
    const other = `${address.slice(0, -2)}ee`;
    assertStringIncludes(
      String(await withMac(other)),
      `has GID ${address.slice(12)} instead of ${other.slice(12)}`,
    );
  }));

Deno.test("CHECK of an interface that does not exist says who creates it", () =>
  withPlugin(async ({ run }) => {
    const { code, output } = await run("CHECK", CONFIG, {
      CNI_IFNAME: "eth7",
    });
    assertEquals([code, output], [1, {
      cniVersion: "1.0.0",
      code: 11,
      msg: "The container has no interface eth7 of this plugin",
      details:
        "it was deleted, or the process of its parent has ended: ADD creates it",
    }]);
  }));

Deno.test("errors have the codes of the specification", () =>
  withPlugin(async ({ run, fixture }) => {
    const code = async (...call: Parameters<Plugin["run"]>) => {
      const { code, output } = await run(...call);
      return code === 0 ? 0 : output!.code;
    };
    assertEquals(await code("ADD", { ...CONFIG, cniVersion: "0.1.0" }), 1);
    assertEquals(await code("ADD", CONFIG, { CNI_NETNS: "deleted" }), 3);
    assertEquals(await code("ADD", CONFIG, { CNI_NETNS: "" }), 4);
    assertEquals(await code("ADD", CONFIG, { CNI_IFNAME: "a/b" }), 4);
    assertEquals(await code("ADD", CONFIG, { CNI_CONTAINERID: "../x" }), 4);
    assertEquals(await code("STATUS"), 4);
    assertEquals(await code("ADD", { ...CONFIG, pkey: "blue" }), 7);
    assertEquals(await code("ADD", { ...CONFIG, mode: "fast" }), 7);
    const missing = { ...CONFIG, ipam: { type: "dhcp" } };
    assertEquals(await code("ADD", missing), 7);
    const outside = { ...CONFIG, ipam: { type: "../host-local" } };
    assertEquals(await code("ADD", outside), 7);
    fixture.plugins[PLUGIN] = () => ({ code: 0, stdout: "no JSON" });
    assertEquals(await code("ADD", WITH_IPAM), 6);
    fixture.plugins[PLUGIN] = () => ({
      code: 1,
      stdout: JSON.stringify({ code: 100, msg: "range is full" }),
    });
    const { output } = await run("ADD", WITH_IPAM);
    assertEquals(
      output!.msg,
      "IPAM plugin host-local failed: range is full",
    );
    const absent = { ...CONFIG, master: "ib9" };
    assertEquals(await code("ADD", absent), 11);
  }));

Deno.test("standard input that is not JSON is refused with code 6", async () => {
  await using fixture = new CliFixture();
  fixture.cniVariables.CNI_COMMAND = "ADD";
  fixture.input = "{";
  const { code, out } = await fixture.run("cni");
  assertEquals([code, JSON.parse(out).code], [1, 6]);
});
