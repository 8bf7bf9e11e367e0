/** `ipoib addr show`. */

import { assertEquals } from "@std/assert";
import * as records from "../ipc/records.ts";
import { CliFixture } from "./support.ts";

const { address, broadcast } = records.link;
const HEAD =
  "4: ib0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 2044 qdisc fq_codel state UP group default qlen 1000\n";
const CHILD = `\
5: ib0.8003@ib0: <NO-CARRIER,BROADCAST,MULTICAST,UP> mtu 2000 qdisc fq_codel state DOWN group default qlen 1000
    link/infiniband ${address} brd ${broadcast}
    state waiting for P_Key 0x8003 in the port's table
`;
const INET = `\
    inet 10.0.0.1/24 brd 10.0.0.255 scope global ib0
       valid_lft forever preferred_lft forever
    inet 10.7.0.1 peer 10.7.0.2/32 metric 5 scope link secondary dynamic ib0:x
       valid_lft 90sec preferred_lft 0sec
`;
const INET6 = `\
    inet6 fe80::1/64 scope link \n\
       valid_lft forever preferred_lft forever
`;

async function assertOutput(cases: Record<string, string>): Promise<void> {
  await using cli = new CliFixture();
  await cli.daemon("ib0");
  for (const [line, out] of Object.entries(cases)) {
    assertEquals(await cli.run(line), { code: 0, out, err: "" }, line);
  }
}

Deno.test("addr show prints the interfaces and their addresses as ip addr does", async () => {
  const link = `    link/infiniband ${address} brd ${broadcast}\n`;
  await assertOutput({
    "a": HEAD + link + INET + INET6 + CHILD,
    "addr ls dev ib0": HEAD + link + INET + INET6 + CHILD,
    "-0 a": HEAD + link + CHILD,
  });
});

Deno.test("addr show with a family omits the link-layer address, and interfaces without such addresses", async () => {
  await assertOutput({
    "-4 addr": HEAD + INET,
    "addr -f inet": HEAD + INET,
    "-6 addr": HEAD + INET6,
  });
});

Deno.test("addr show -o prints one address per line, and -br one interface", async () => {
  await assertOutput({
    "-6 -o addr":
      "4: ib0    inet6 fe80::1/64 scope link \\       valid_lft forever preferred_lft forever\n",
    "-br addr": "ib0              UP             " +
      "10.0.0.1/24 10.7.0.1 peer 10.7.0.2/32 metric 5 fe80::1/64 \n" +
      "ib0.8003@ib0     DOWN           \n",
  });
});

Deno.test("addr show -s prints the statistics after the addresses", async () => {
  await using cli = new CliFixture();
  await cli.daemon("ib0");
  const lines = (await cli.run("-4 -s addr")).out.split("\n");
  assertEquals(lines[4], INET.split("\n")[3]);
  assertEquals(lines[5]!.slice(0, 7), "    RX:");
});

Deno.test("addr show -j has the members of ip -j addr", async () => {
  await using cli = new CliFixture();
  await cli.daemon("ib0");
  const [first] = JSON.parse((await cli.run("-j addr")).out);
  assertEquals(Object.keys(first), [
    ...["ifindex", "ifname", "flags", "mtu", "qdisc", "operstate", "group"],
    ...["txqlen", "link_type", "address", "broadcast", "state", "addr_info"],
  ]);
  const { flags: _, ...second } = records.addresses[1]!;
  assertEquals(first.addr_info[1], {
    ...second,
    secondary: true,
    dynamic: true,
  });
  const [brief] = JSON.parse((await cli.run("-j -br -6 addr")).out);
  assertEquals(brief, {
    ifname: "ib0",
    operstate: "UP",
    addr_info: [{ local: "fe80::1", prefixlen: 64 }],
  });
});

Deno.test("-4 and -6 select neighbours and memberships", async () => {
  await assertOutput({
    "-6 neigh": "",
    "-br -4 neigh show ib0":
      `10.0.0.2                                ib0              ${
        records.neighbours[0]!.lladdr
      }\n10.0.0.9                                ib0              \n`,
    "-6 maddr": "7:\tib0\n\tinet6 ff02::1\n",
    "-4 maddr": "7:\tib0\n\tinet  224.0.0.1\n",
    "-0 maddr": "",
  });
});

Deno.test("-4 and -6 select multicast groups by the signature of the MGID", async () => {
  await using cli = new CliFixture();
  const mgids = [
    "ff12:401b:ffff:0:0:0:0:1",
    "ff12:601b:ffff:0:0:0:0:1",
    "ff12:a01b:ffff:0:0:0:0:1",
  ];
  await cli.daemon("ib0", {
    handlers: {
      "mcg.show": () => mgids.map((mgid) => ({ ...records.groups[0]!, mgid })),
    },
  });
  const shown = async (line: string) =>
    JSON.parse((await cli.run(line)).out)
      .map(({ mgid }: { mgid: string }) => mgid);
  assertEquals(await shown("-j -4 mcg"), [mgids[0]]);
  assertEquals(await shown("-j -6 mcg show ib0"), [mgids[1]]);
  assertEquals(await shown("-j mcg"), mgids);
});
