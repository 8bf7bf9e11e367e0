import { assertEquals } from "@std/assert";
import { FULL } from "../../../scripts/test/form.ts";
import { obstacle, stepsOf, suitesOf } from "../../../scripts/test/suites.ts";

const files = [
  "tests/e2e/ping_test.ts",
  "tests/system/fd_test.ts",
  "tests/wire/arp_test.ts",
  "tests/wire/sa/path_test.ts",
  "tests/base/units_test.ts",
];
const names = (chosen: string[]) =>
  suitesOf(files, chosen).map(({ name, paths }) => `${name}: ${paths}`);

Deno.test("suitesOf() returns all suites in the order of their duration", () => {
  assertEquals(names([]), [
    "base: tests/base",
    "wire: tests/wire",
    "system: tests/system",
    "e2e: tests/e2e",
  ]);
  assertEquals(names(["tests/"]), names([]));
});

Deno.test("suitesOf() returns only the suites of the given paths", () => {
  assertEquals(names(["tests/wire/"]), ["wire: tests/wire"]);
  assertEquals(
    names(["./tests/wire/sa", "tests/wire/arp_test.ts", "tests/e2e"]),
    ["wire: tests/wire/sa,tests/wire/arp_test.ts", "e2e: tests/e2e"],
  );
});

Deno.test("stepsOf() lets the long suites run beside the others, and those that fill shared tables alone", () => {
  const steps = (all: string[]) =>
    stepsOf(suitesOf(all, [])).map((lanes) =>
      lanes.map((lane) => lane.map(({ name }) => name))
    );
  const all = [
    ...files,
    "tests/e2e/io_test.ts",
    "tests/kernel/kernel_test.ts",
    "tests/tables/arp_flood_test.ts",
    "tests/torture/soak_test.ts",
  ];
  assertEquals(steps(all), [
    [["base", "wire", "system"], ["e2e 1/2"], ["e2e 2/2"], ["kernel"]],
    [["tables", "torture"]],
  ]);
  assertEquals(steps(["tests/e2e/ping_test.ts"]), [[["e2e"]]]);
  assertEquals(steps([]), []);
});

Deno.test("suitesOf() divides a long suite, also a chosen part of it", () => {
  const all = ["c", "a", "e", "b", "d"].map((name) => `tests/e2e/${name}.ts`);
  const parts = (chosen: string[]) =>
    suitesOf(all, chosen).map(({ paths, files }) => [paths.join(), files]);
  assertEquals(parts(["tests/e2e"]), [
    ["tests/e2e/a.ts,tests/e2e/c.ts,tests/e2e/e.ts", 3],
    ["tests/e2e/b.ts,tests/e2e/d.ts", 2],
  ]);
  assertEquals(parts(["tests/e2e/c.ts"]), [["tests/e2e/c.ts", 1]]);
});

Deno.test("obstacle() returns the missing requirements of a suite", () => {
  const [base] = suitesOf(files, ["tests/base"]);
  const [e2e] = suitesOf(files, ["tests/e2e"]);
  const [kernel] = suitesOf(["tests/kernel/kernel_test.ts"], []);
  const host = {
    root: true,
    tun: true,
    has: () => true,
    debian: true,
  };
  assertEquals(
    obstacle(base!, { ...host, root: false, tun: false }),
    undefined,
  );
  assertEquals(obstacle(e2e!, host), undefined);
  assertEquals(
    obstacle(kernel!, { ...host, debian: false }),
    "needs Debian 12 on amd64",
  );
  assertEquals(
    obstacle(e2e!, { ...host, tun: false, has: (tool) => tool !== "nginx" }),
    "needs /dev/net/tun; needs nginx (Debian packages: nginx-light)",
  );
  assertEquals(
    obstacle(e2e!, { ...host, root: false }),
    FULL
      ? "needs root; uses the Debian packages avahi-daemon avahi-utils bird2 bsdutils busybox-static containernetworking-plugins dhcpcd-base dnsmasq-base ethtool iperf3 iproute2 iputils-ping kea-dhcp4-server kea-dhcp6-server keepalived libxml2-utils ndisc6 nginx-light podman prometheus radvd runc smcroute socat systemd tshark udhcpc wrk"
      : "needs root; uses the Debian packages avahi-daemon avahi-utils bird2 bsdutils containernetworking-plugins dhcpcd-base dnsmasq-base ethtool iperf3 iproute2 iputils-ping kea-dhcp4-server kea-dhcp6-server keepalived libxml2-utils ndisc6 nginx-light prometheus radvd smcroute socat systemd tshark udhcpc wrk",
  );
});
