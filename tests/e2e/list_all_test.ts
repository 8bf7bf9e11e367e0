/** Commands that show all interfaces: two in one namespace, one in another. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { labTest, until } from "./harness/mod.ts";

interface Row {
  readonly netns?: string;
  readonly ifname: string;
  readonly pid: number;
  readonly state: string;
  readonly version: string;
}

labTest(
  "Commands without a name list the interfaces of the namespace, and of the host with -a",
  async (lab) => {
    const [a, b] = await lab.hosts(2);
    const up = await a.ipoib("up", "ib0", "--hca", "soft", "--background");
    assertEquals([up.code, up.stdout], [0, ""]);
    await b.up();
    const second = await a.ipoib("up", "ib1", "--hca", "soft", "--background");
    assertEquals([second.code, second.stdout], [0, ""]);
    assertEquals(
      (await a.ipoib("child", "create", "0x8001", "--parent", "ib0")).code,
      0,
    );

    const links = await a.show<Row[]>("link");
    assertEquals(links.map(({ ifname }) => ifname), ["ib0", "ib1", "ib0.8001"]);
    const groups = await a.show<{ dev: string }[]>("mcg");
    assertEquals(
      new Set(groups.map(({ dev }) => dev)),
      new Set(["ib0", "ib1"]),
    );
    const brief = await a.ipoib("-br", "l");
    assertMatch(
      brief.stdout,
      /^ib0 {14}UP {13}[0-9a-f:]{59} <.*> \nib1 .*\nib0\.8001@ib0 .*\n$/,
    );
    assertEquals((await a.ipoib("down")).code, 1);

    const all: Row[] = JSON.parse((await lab.ipoib("-a", "-j", "link")).stdout);
    assertEquals(
      all.map(({ netns, ifname }) => `${netns} ${ifname}`).sort(),
      [
        `${a.namespace} ib0`,
        `${a.namespace} ib0.8001`,
        `${a.namespace} ib1`,
        `${b.namespace} ib0`,
      ],
    );
    const [one] = all.filter(({ netns }) => netns === b.namespace);
    assertEquals([one!.pid, one!.state], [b.pid, "running"]);
    assert(one!.version);

    // A child in another namespace is listed there.
    const moved = ["link", "set", "ib0.8001", "netns", b.namespace];
    await a.ip(...moved);
    await until(
      "the child to move",
      async () => (await b.ipoib("link")).stdout.includes("ib0.8001@"),
    );
    assert(!(await a.ipoib("link")).stdout.includes("ib0.8001"));

    // A stopped process does not block the list.
    b.daemon.kill("SIGSTOP");
    try {
      const { code, stdout } = await lab.ipoib("-a", "-br", "link");
      assertEquals(code, 0);
      assertMatch(
        stdout,
        new RegExp(`^ib0 {14}netns ${b.namespace} state not answering$`, "m"),
      );
      assertMatch(
        stdout,
        new RegExp(`^ib1 .* netns ${a.namespace} .* state running$`, "m"),
      );
    } finally {
      b.daemon.kill("SIGCONT");
    }
  },
);
