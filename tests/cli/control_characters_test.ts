/** Control characters in names, aliases and labels, which containers may choose, do not reach the terminal. */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { EventHistory } from "../../src/daemon/event_history.ts";
import * as facts from "../doctor/facts.ts";
import * as records from "../ipc/records.ts";
import { CliFixture } from "./support.ts";

/** Clears the screen. */
const NAME = "ib\x1b[2J";
const SHOWN = "ib?[2J";
const CHILD = "ib\x1b[2J.1";

/** A fixture with a process whose interface has the name {@linkcode NAME}. */
async function fixture(): Promise<CliFixture> {
  const cli = new CliFixture();
  const history = new EventHistory();
  history.add({
    ...{ "time_ms": 0, ifname: NAME, kind: "link", event: "state" },
    ...{ subject: NAME, new: "running" },
  });
  const [neighbour, path, group, maddr] = [
    ...[records.neighbours[0]!, records.paths[0]!],
    ...[records.groups[0]!, records.maddrs[0]!],
  ] as const;
  const link = {
    ...records.link,
    ifname: NAME,
    ifalias: "rail 1\nib9 link deleted\x1b[2J",
    namespace: 1,
  };
  const [address] = records.addresses;
  const { counters } = facts.iface;
  assert("value" in counters);
  await cli.daemon(NAME, {
    handlers: {
      ...history.handlers(),
      "link.show": () => [link, { ...link, ifname: CHILD, link: NAME }],
      "neigh.show": () => [{ ...neighbour, dev: NAME, "rx_bytes": 1 }],
      "path.show": () => [{ ...path, dev: NAME }],
      "mcg.show": () => [{ ...group, dev: NAME }],
      "maddr.show": () => [{ ...maddr, ifname: NAME }],
      "child.list": () => [{ ...records.child, ifname: CHILD, link: NAME }],
      "addr.show": () => [{
        ifname: NAME,
        "addr_info": [{ ...address!, label: NAME }],
      }],
      "stats": () => [{ ...counters.value.before, ifname: NAME }],
      "doctor": () => ({ ...facts.doctorRecord, ifname: NAME }),
      "child.create": () => ({ ...records.child, ifname: CHILD }),
    },
  });
  return cli;
}

Deno.test("text shows names, aliases and labels without control characters", async () => {
  await using cli = await fixture();
  for (
    const line of [
      ...["link", "-d link", "-br link", "-o link", "-a link"],
      ...["addr", "-d addr", "-br addr", "-o addr"],
      ...["neigh", "-br neigh", "path", "mcg", "maddr", "child"],
      ...["get", "ethtool", "version", "events"],
      ...["top -b -n 1 -i 0.1", "top -b -n 1 -i 0.1 -t peers", "doctor"],
    ]
  ) {
    const { out, err } = await cli.run(line);
    assertEquals(/[^\P{Cc}\n\t]/u.exec(out + err)?.[0], undefined, line);
    assert(!/^ib9/m.test(out), out);
    if (line !== "get") assertStringIncludes(out, SHOWN, line);
  }
});

Deno.test("the host name of a subnet manager is shown without control characters", async () => {
  await using cli = new CliFixture();
  await cli.subnet("lab", {
    "subnet.show": () => ({
      ...records.subnet,
      manager: { ...records.subnet.manager, host: "h\x1b[2J" },
    }),
  });
  const { out } = await cli.run("subnet show lab");
  assertStringIncludes(out, " host h?[2J\n");
});

Deno.test("errors about interfaces show their names without control characters", async () => {
  await using cli = await fixture();
  const { err } = await cli.run(["link", "show", "ib\x1b[2K"]);
  assertEquals(err, "ipoib: ib?[2K is not running (running here: ib?[2J)\n");
});

Deno.test("JSON has the names as they are", async () => {
  await using cli = await fixture();
  const { out } = await cli.run("-j link");
  assertEquals(JSON.parse(out)[0].ifname, NAME);
});
