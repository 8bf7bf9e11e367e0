/** Test suites, their requirements, and the reasons why a suite cannot run. */

import { FULL } from "./form.ts";
import { RIG_TOOLS } from "../rig/tools.ts";
import { packagesOf, type Tool } from "./packages.ts";

/** Requirements of a suite. */
export interface Needs {
  /** Minimum permissions of `deno test`. */
  readonly permissions: readonly string[];
  /** True if the suite creates network namespaces or TUN devices, which needs root. */
  readonly root?: boolean;
  /** Tools without which the suite cannot run. */
  readonly tools?: readonly Tool[];
  /** Tools of some tests, which are ignored if the tools are missing. */
  readonly helpful?: readonly Tool[];
  /** Number of parts of a long suite, which run beside each other and the other suites, because they wait for long. */
  readonly parts?: number;
  /** True for a suite that fills a table of the kernel that all namespaces share: it runs after the others, alone. */
  readonly alone?: boolean;
  /** True if the suite runs virtual machines of the rig, which are built from packages of Debian 12 for amd64. */
  readonly guests?: boolean;
}

/** A suite: a folder in `tests/`. */
export interface Suite extends Needs {
  readonly name: string;
  /** Paths for `deno test`: the folder, or the chosen files in it. */
  readonly paths: readonly string[];
  /** Number of test files. */
  readonly files?: number;
}

/** Features of the machine. */
export interface Host {
  readonly root: boolean;
  readonly tun: boolean;
  readonly has: (tool: Tool) => boolean;
  /** True for Debian 12 on amd64. */
  readonly debian: boolean;
}

const READ = ["--allow-read"];
const SYSTEM = [
  "--allow-ffi",
  "--allow-read",
  "--allow-write",
  "--allow-env",
  "--allow-run",
  "--allow-net",
  "--allow-sys",
];
/** Deno opens files in /proc, /sys and /dev only with --allow-all. */
const ALL = ["--allow-all"];

/** The programs of the end-to-end tests in the full form only. */
const FULL_E2E_TOOLS: readonly Tool[] = ["podman", "runc", "busybox"];

/** Suites whose requirements differ from {@linkcode USUAL}. */
const NEEDS: Readonly<Record<string, Needs>> = {
  base: { permissions: READ },
  docs: { permissions: READ },
  capture: {
    permissions: SYSTEM,
    helpful: ["/usr/lib/x86_64-linux-gnu/libpcap.so.0.8"],
  },
  cli: { permissions: SYSTEM, helpful: ["ip", "zsh", "fish"] },
  wire: { permissions: READ },
  packets: { permissions: READ },
  system: { permissions: ALL },
  ffi: {
    permissions: SYSTEM,
    helpful: [
      "gcc",
      "/usr/include/stdio.h",
      "/usr/include/infiniband/verbs.h",
      "/usr/include/infiniband/umad.h",
    ],
  },
  ipoib: { permissions: SYSTEM, helpful: ["tshark"] },
  netdev: { permissions: ALL, helpful: ["ip"] },
  sa: { permissions: READ },
  subnet: { permissions: READ },
  scripts: { permissions: ALL, helpful: ["mandoc", "man"] },
  opensm: { permissions: ALL, tools: ["opensm", "ibsim", "saquery"] },
  kernel: {
    permissions: ALL,
    root: true,
    tools: [...RIG_TOOLS, "ethtool", "ping", "iperf3", "pkill", "tshark"],
    guests: true,
    parts: 1,
  },
  fuzz: { permissions: ALL },
  package: {
    permissions: ALL,
    root: true,
    helpful: [
      "systemd-analyze",
      ...FULL ? ["mmdebstrap", "systemd-nspawn", ...RIG_TOOLS] as const : [],
    ],
  },
  smoke: { permissions: ALL, root: true },
  tables: { permissions: ALL, root: true, alone: true, tools: ["ip", "ping"] },
  torture: {
    permissions: ALL,
    root: true,
    alone: true,
    tools: ["ip", "ping", "iperf3"],
  },
  e2e: {
    permissions: ALL,
    root: true,
    parts: 2,
    tools: [
      "ethtool",
      "ip",
      "ping",
      "iperf3",
      "keepalived",
      "nginx",
      "wrk",
      "tshark",
      "socat",
      "bird",
      "smcrouted",
      "avahi-daemon",
      "avahi-resolve",
      "dnsmasq",
      "udhcpc",
      "dhcpcd",
      "kea-dhcp4",
      "kea-dhcp6",
      "radvd",
      "rdisc6",
      "journalctl",
      "prometheus",
      "promtool",
      "script",
      "xmllint",
      "/usr/lib/cni/host-local",
      ...(FULL ? FULL_E2E_TOOLS : []),
    ],
  },
};

const USUAL: Needs = { permissions: SYSTEM };

/** Returns the requirements of a suite. */
function needsOf(name: string): Needs {
  return NEEDS[name] ?? USUAL;
}

/**
 * Groups test files (`tests/<suite>/...`) into suites, quick suites first. `chosen` selects folders or files; empty
 * selects all.
 */
export function suitesOf(
  files: readonly string[],
  chosen: readonly string[],
): Suite[] {
  const names = new Set(files.map((file) => file.split("/")[1]!));
  const wanted = chosen.map((path) =>
    path.replace(/^\.\//, "").replace(/\/+$/, "")
  );
  const suites: Suite[] = [];
  for (const name of names) {
    const folder = `tests/${name}`;
    const inside = wanted.filter((path) => path.startsWith(`${folder}/`));
    const whole = wanted.length === 0 || wanted.includes("tests") ||
      wanted.includes(folder);
    if (!whole && inside.length === 0) continue;
    const paths = whole ? [folder] : inside;
    const suite = { ...needsOf(name), name, paths };
    suites.push(...divided(suite, files.filter((file) => isIn(file, paths))));
  }
  return suites.sort((a, b) => weight(a) - weight(b) || order(a.name, b.name));
}

/** Divides a suite with these files into its parts. Files whose names follow each other go to different parts. */
function divided(suite: Suite, files: readonly string[]): Suite[] {
  const { name, parts = 1 } = suite;
  if (parts === 1 || files.length < parts) {
    return [{ ...suite, files: files.length }];
  }
  const sorted = [...files].sort(order);
  return Array.from({ length: parts }, (_, part) => {
    const paths = sorted.filter((_, i) => i % parts === part);
    const number = `${part + 1}/${parts}`;
    return { ...suite, name: `${name} ${number}`, paths, files: paths.length };
  });
}

/**
 * Groups suites into steps, one after the other, of lanes that run at the same time: each part of a long suite has its
 * own lane, the others share the first.
 */
export function stepsOf(suites: readonly Suite[]): Suite[][][] {
  const quick = suites.filter(({ parts, alone }) => !parts && !alone);
  const long = suites.filter(({ parts }) => parts).map((suite) => [suite]);
  const alone = suites.filter((suite) => suite.alone);
  const lanes = quick.length > 0 ? [quick, ...long] : long;
  return [lanes, [alone]].filter((lanes) => lanes.flat().length > 0);
}

/** True if a file is one of `paths`, or below one of them. */
function isIn(file: string, paths: readonly string[]): boolean {
  return paths.some((path) => file === path || file.startsWith(`${path}/`));
}

/** Returns the reason why a suite cannot run on this machine, or undefined if it can. */
export function obstacle(suite: Suite, host: Host): string | undefined {
  const missing = (suite.tools ?? []).filter((tool) => !host.has(tool));
  const reasons: string[] = [];
  if (suite.root && !host.root) reasons.push("needs root");
  if (suite.root && !host.tun) reasons.push("needs /dev/net/tun");
  if (suite.guests && !host.debian) reasons.push("needs Debian 12 on amd64");
  if (missing.length > 0) {
    const packages = packagesOf(missing).join(" ");
    reasons.push(`needs ${missing.join(", ")} (Debian packages: ${packages})`);
  } else if (suite.root && !host.root && suite.tools) {
    reasons.push(
      `uses the Debian packages ${packagesOf(suite.tools).join(" ")}`,
    );
  }
  return reasons.length > 0 ? reasons.join("; ") : undefined;
}

function weight(suite: Suite): number {
  return suite.guests
    ? 4
    : suite.tools
    ? 3
    : suite.root
    ? 2
    : suite.permissions.includes("--allow-ffi") ||
        suite.permissions === ALL
    ? 1
    : 0;
}

function order(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
